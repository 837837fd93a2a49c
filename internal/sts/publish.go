package sts

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/server"
)

// publish writes what verifiers ask for as files below a directory, which a
// web server or a bucket shows at the issuer's URL.
func (f *front) publish(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("publish", flag.ContinueOnError)
	keys, c, err := f.storedKeys(fs, args, 1)
	if err != nil {
		return err
	}
	switch {
	case fs.NArg() == 0:
		return diag.Input("publish has to know where", "tailjoin-sts publish DIR")
	case c.Server.Issuer == "":
		return diag.Input("publish has to know at which address the files will be", "set server.issuer, or give --issuer https://…, and let the service use the same")
	}
	ring, err := keys.Read(ctx)
	if err != nil {
		return err
	}
	p, err := c.Policy()
	if err != nil {
		return err
	}
	discovery, err := server.Discovery(c.Server.Issuer, "", ring.Algorithms(), p)
	if err != nil {
		return err
	}
	published, err := json.Marshal(ring.Published())
	if err != nil {
		return err
	}
	// The keys first: whoever reads the discovery document goes on to them.
	return errors.Join(f.put(fs.Arg(0), server.KeysPath, published), f.put(fs.Arg(0), server.DiscoveryPath, discovery))
}

// put replaces a file for everybody to read, in one step.
func (f *front) put(dir, path string, content []byte) error {
	path = filepath.Join(dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(content)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	_, err = fmt.Fprintln(f.Out, path)
	return err
}
