// Command pack packs a tailscaled for a release, against the tailjoin that unpacks it: DAEMON becomes DAEMON.zst. The
// program becomes PROGRAM.gz, for jobs that fetch it as an asset. Both are the same bytes on every machine. It prints
// the lines of tailscaled.spans.
//
//	pack DAEMON PROGRAM
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/tailjoin/tailjoin/internal/pack"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "packing:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: pack DAEMON PROGRAM")
	}
	daemon, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	program, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	packed, spans, err := pack.Pack(filepath.Base(args[0]), daemon, program, zstd.SpeedBestCompression)
	if err != nil {
		return err
	}
	fmt.Print(spans)
	return errors.Join(os.WriteFile(args[0]+".zst", packed, 0o644), writeGzip(args[1]+".gz", program))
}

func writeGzip(name string, content []byte) error {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return os.WriteFile(name, packed.Bytes(), 0o644)
}
