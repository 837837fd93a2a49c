package tailscaled

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A frame is a part of the packed file that unpacks by itself to a part of
// tailscaled, given the program that it was packed against.
type frame struct {
	content []byte
	packed  span // where content is from
	part    span // of tailscaled
}

// frames splits the packed file as tailscaled.spans says.
func (b bundled) frames(content []byte) ([]frame, error) {
	packed, parts := b.sums.spans(b.packedName()), b.sums.spans(b.name)
	if len(packed) != len(parts) || !cover(packed, int64(len(content))) || !cover(parts, b.size()) {
		return nil, errors.New("tailscaled.spans is not that of the packed file")
	}
	frames := make([]frame, len(packed))
	for i, one := range packed {
		frames[i] = frame{content[one.from:one.to], one, parts[i]}
	}
	return frames, nil
}

// size is the size of the unpacked file; 0 if the spans do not say it.
func (b bundled) size() int64 {
	spans := b.sums.spans(b.name)
	if len(spans) == 0 {
		return 0
	}
	return spans[len(spans)-1].to
}

// unpackFrames unpacks frames into a file, as many at once as there are cores,
// and verifies all that it unpacks and writes.
func unpackFrames(ctx context.Context, out *os.File, frames []frame, program []byte) error {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(largestFile), zstd.WithDecoderDictRaw(0, program))
	if err != nil {
		return err
	}
	defer decoder.Close()
	failed := make([]error, len(frames))
	var work sync.WaitGroup
	for i, one := range frames {
		work.Go(func() { failed[i] = one.unpack(ctx, out, decoder) })
	}
	work.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func (f frame) unpack(ctx context.Context, out *os.File, decoder *zstd.Decoder) error {
	if err := f.packed.check(f.content); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	part, err := decoder.DecodeAll(f.content, nil)
	if err != nil {
		return err
	}
	if err := f.part.check(part); err != nil {
		return err
	}
	_, err = out.WriteAt(part, f.part.from)
	return err
}

// An oddPart is content that is not a span's.
type oddPart struct {
	bounds, sum, wanted string
}

func (*oddPart) Error() string { return "a part has another sum" }

// check returns an *oddPart unless content is the span's.
func (s span) check(content []byte) error {
	raw := sha256.Sum256(content)
	if sum := hex.EncodeToString(raw[:]); sum != s.sum || int64(len(content)) != s.to-s.from {
		return &oddPart{fmt.Sprintf("[%d:%d]", s.from, s.to), sum, s.sum}
	}
	return nil
}
