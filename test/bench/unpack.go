//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// unpack is the least that unpacking the bundle can be: all cores, and no sum
// is looked at.
func (p programs) unpack(name string) error {
	packed, err := os.ReadFile(p.packed())
	if err != nil {
		return err
	}
	frames, err := p.frames()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(p.tailjoin)
	if err != nil {
		return err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderDictRaw(0, program))
	if err != nil {
		return err
	}
	defer decoder.Close()
	to, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	defer to.Close()
	queue := make(chan frame, len(frames))
	for _, f := range frames {
		queue <- f
	}
	close(queue)
	failed := make([]error, runtime.NumCPU())
	var work sync.WaitGroup
	for i := range failed {
		work.Go(func() {
			var part []byte
			for f := range queue {
				var err error
				part, err = decoder.DecodeAll(packed[f.from:f.to], part[:0])
				if err == nil {
					_, err = to.WriteAt(part, f.at)
				}
				failed[i] = errors.Join(failed[i], err)
			}
		})
	}
	work.Wait()
	return errors.Join(append(failed, to.Close())...)
}

// A frame is a part of the packed daemon, and where it belongs unpacked.
type frame struct{ from, to, at int64 }

// frames reads tailscaled.spans: of each part of the daemon a line, and a line
// of what it is packed to.
func (p programs) frames() (frames []frame, err error) {
	spans, err := os.ReadFile(filepath.Join(p.bundle, "tailscaled.spans"))
	if err != nil {
		return nil, err
	}
	for lines := range slices.Chunk(strings.Split(strings.TrimSpace(string(spans)), "\n"), 2) {
		var f frame
		_, unpacked, _ := strings.Cut(lines[0], "[")
		_, packed, _ := strings.Cut(lines[len(lines)-1], "[")
		if _, err := fmt.Sscanf(unpacked+packed, "%d:%d]%d:%d]", &f.at, new(int64), &f.from, &f.to); err != nil {
			return nil, fmt.Errorf("reading tailscaled.spans: %w in %q", err, lines)
		}
		frames = append(frames, f)
	}
	return frames, nil
}
