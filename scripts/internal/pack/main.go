// Command pack packs files for a release: FILE becomes FILE.zst, the same bytes on every machine. It prints the
// sums of FILE's four quarters, in the form of sha256sum.
//
//	pack FILE...
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

func main() {
	for _, name := range os.Args[1:] {
		if err := pack(name); err != nil {
			fmt.Fprintln(os.Stderr, "packing:", err)
			os.Exit(1)
		}
	}
}

func pack(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".zst", encoder.EncodeAll(data, nil), 0o644); err != nil {
		return err
	}
	const spans = 4
	for i := range spans {
		from, to := i*len(data)/spans, (i+1)*len(data)/spans
		fmt.Printf("%x  %s[%d:%d]\n", sha256.Sum256(data[from:to]), filepath.Base(name), from, to)
	}
	return nil
}
