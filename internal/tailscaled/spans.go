package tailscaled

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
)

// A span is a part of a file, with a sum of its own. tailscaled.spans, beside
// SHA256SUMS, lists the spans of a packed tailscaled and the spans that they
// unpack to, so that several cores unpack and hash it at once: 19 MB take one
// core 13 ms to hash, two 7. A line has the form
//
//	0a1b…  tailscaled-linux-amd64[0:4859945]
type span struct {
	from, to int64
	sum      string
}

// spans are those of a file, in order; none if there are no sums of any.
func (s sums) spans(name string) []span {
	var found []span
	for entry, sum := range s {
		one := span{sum: sum}
		bounds, ok := strings.CutPrefix(entry, name)
		if n, _ := fmt.Sscanf(bounds, "[%d:%d]", &one.from, &one.to); ok && n == 2 {
			found = append(found, one)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].from < found[j].from })
	return found
}

// cover reports whether there are spans, and they are a file of this size with
// no byte left out.
func cover(spans []span, size int64) bool {
	var end int64
	for _, one := range spans {
		if one.from != end {
			return false
		}
		end = one.to
	}
	return len(spans) > 0 && end == size
}

// match reports whether an open file is the one that has these sums under a
// name, every byte of it.
func (s sums) match(name string, f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if spans := s.spans(name); cover(spans, info.Size()) {
		return matchSpans(f, spans), nil
	}
	sum, err := sumOf(io.NewSectionReader(f, 0, info.Size()))
	return sum == s[name], err
}

// matchSpans hashes all spans at the same time. One that cannot be read does
// not match.
func matchSpans(f *os.File, spans []span) bool {
	right := make([]bool, len(spans))
	var work sync.WaitGroup
	for i, one := range spans {
		work.Go(func() {
			sum, err := sumOf(io.NewSectionReader(f, one.from, one.to-one.from))
			right[i] = err == nil && sum == one.sum
		})
	}
	work.Wait()
	return !slices.Contains(right, false)
}

// sumFile hashes a regular file; a link is none.
func sumFile(name string) (string, error) {
	f, err := openRegular(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return sumOf(f)
}

func sumOf(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.CopyBuffer(h, yieldingReader{r}, make([]byte, 1<<18)); err != nil {
		return "", err
	}
	return hexSum(h), nil
}

// A yieldingReader lets other goroutines run before each read. Hashing on every
// core would otherwise delay the request for an ID token by up to 10 ms, which
// is Go's time slice. It has no WriteTo, which would copy by 32 KiB.
type yieldingReader struct{ io.Reader }

func (r yieldingReader) Read(p []byte) (int, error) {
	runtime.Gosched()
	return r.Reader.Read(p)
}
