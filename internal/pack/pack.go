// Package pack packs a tailscaled for a bundle, against the tailjoin that comes
// with it: the two programs have a quarter of their code in common.
package pack

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// frames is the number of parts that are packed each by itself, so that several
// cores unpack and verify them at once, each in little memory. A program of
// 19 MB is 0.4 % larger for them.
const frames = 8

// window is more than a program and a frame have together: a match may be as
// far away as that.
const window = 32 << 20

// Pack packs a daemon of this name. The same bytes are packed to the same bytes
// on every machine. `zstd -d -D PROGRAM` unpacks them.
//
// spans are the lines of tailscaled.spans: of each part of the daemon, and of
// the frame it is packed to, the place and the sum.
func Pack(name string, daemon, program []byte, level zstd.EncoderLevel) (packed []byte, spans string, err error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window), zstd.WithEncoderDictRaw(0, program), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, "", err
	}
	defer encoder.Close()
	var lines strings.Builder
	for i := range frames {
		from, to := i*len(daemon)/frames, (i+1)*len(daemon)/frames
		start := len(packed)
		packed = encoder.EncodeAll(daemon[from:to], packed)
		fmt.Fprintf(&lines, "%x  %s[%d:%d]\n", sha256.Sum256(daemon[from:to]), name, from, to)
		fmt.Fprintf(&lines, "%x  %s.zst[%d:%d]\n", sha256.Sum256(packed[start:]), name, start, len(packed))
	}
	return packed, lines.String(), nil
}
