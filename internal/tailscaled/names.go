package tailscaled

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// resolvConf is the file by which most machines are told of a resolver.
const resolvConf = "/etc/resolv.conf"

// namesLimit is for a node's own name to resolve. A daemon that can set the
// machine's resolver has done so before it runs.
const namesLimit = time.Second

// Resolves reports whether the machine's resolver knows the node by its name, as
// later steps ask it for peers. The error says what is wrong with the resolver's
// settings, and names the file.
func (d *Daemon) Resolves(ctx context.Context, node Node) error {
	ctx, cancel := context.WithTimeout(ctx, namesLimit)
	defer cancel()
	_, err := until(ctx, func(ctx context.Context) ([]string, error) {
		return resolver().LookupHost(ctx, node.Name+".")
	})
	if err == nil {
		return nil
	}
	return errors.Join(d.namesFault(context.WithoutCancel(ctx)), cannotWrite(resolvConf), err)
}

// resolver asks as later steps do. Windows has rules by name for which server is
// asked, which Go's own resolver does not know.
func resolver() *net.Resolver { return &net.Resolver{PreferGo: runtime.GOOS != "windows"} }

// namesFault is what the daemon's health says of the resolver's settings.
func (d *Daemon) namesFault(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, namesLimit)
	defer cancel()
	status, err := d.Local.StatusWithoutPeers(ctx)
	if err != nil {
		return nil
	}
	for _, fault := range status.Health {
		if strings.Contains(fault, "DNS configuration") {
			return errors.New(fault)
		}
	}
	return nil
}

// cannotWrite says why no user can change a file: it is on a disk
// that is mounted read-only. A missing file would be made in its directory.
func cannotWrite(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, readOnly(filepath.Dir(path)))
	}
	return readOnly(path)
}
