package tailscaled

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
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
		return nil, errors.New("tailscaled.spans does not describe the packed file")
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
	cores := runtime.GOMAXPROCS(0)
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(cores), zstd.WithDecoderMaxMemory(largestFile), zstd.WithDecoderDictRaw(0, program))
	if err != nil {
		return err
	}
	defer decoder.Close()
	queue := make(chan frame, len(frames))
	for _, f := range frames {
		queue <- f
	}
	close(queue)
	failed := make([]error, cores)
	var work sync.WaitGroup
	for i := range failed {
		work.Go(func() { failed[i] = unpackQueue(ctx, out, queue, decoder) })
	}
	work.Wait()
	return cmp.Or(failed...)
}

// unpackQueue unpacks one frame after the other, all to the same memory.
func unpackQueue(ctx context.Context, out *os.File, queue <-chan frame, decoder *zstd.Decoder) error {
	var part []byte
	for f := range queue {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := f.packed.check(f.content); err != nil {
			return err
		}
		var err error
		if part, err = decoder.DecodeAll(f.content, part[:0]); err != nil {
			return err
		}
		if err := f.part.check(part); err != nil {
			return err
		}
		if _, err := out.WriteAt(part, f.part.from); err != nil {
			return err
		}
	}
	return nil
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
