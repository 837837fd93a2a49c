package secret

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"
	"sync"
)

// A Filter hides secrets in text. A process has one, and every place that it
// writes to gets its text from it. The zero value hides only what looks like a
// key of Tailscale. It is safe for concurrent use.
type Filter struct {
	mu    sync.RWMutex
	forms map[string]bool
}

// shortest is the length below which a value is not hidden: it would turn up in
// ordinary words, and the gaps in them would give it away.
const shortest = 6

// Hide replaces t from now on, each line of it by itself, also where it is
// quoted, escaped or encoded. Lines of fewer than six bytes are left alone.
func (f *Filter) Hide(t Text) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for line := range strings.Lines(t.Reveal()) {
		if line = strings.TrimSpace(line); len(line) < shortest {
			continue
		}
		for _, form := range forms(line) {
			if f.forms == nil {
				f.forms = map[string]bool{}
			}
			f.forms[form] = true
		}
	}
}

// Clean is text without the secrets.
func (f *Filter) Clean(text string) string { return string(f.clean([]byte(text))) }

// Writer returns a writer that passes on to out what it is given, without the
// secrets.
func (f *Filter) Writer(out io.Writer) *Writer { return &Writer{filter: f, out: out} }

// clean replaces spans instead of one secret after the other: where two overlap,
// or one begins another, nothing of either is left.
func (f *Filter) clean(p []byte) []byte {
	spans := f.find(p)
	if len(spans) == 0 {
		return p
	}
	var b bytes.Buffer
	end := 0
	for _, s := range spans {
		if s.begin >= end {
			b.Write(p[end:s.begin])
			b.WriteString(redacted)
		}
		end = max(end, s.end)
	}
	b.Write(p[end:])
	return b.Bytes()
}

// A span is a part of a text that has to be hidden.
type span struct{ begin, end int }

// find returns the spans in the order in which they begin.
func (f *Filter) find(p []byte) []span {
	f.mu.RLock()
	defer f.mu.RUnlock()
	spans := keys(p)
	for form := range f.forms {
		for at := 0; ; at++ {
			i := bytes.Index(p[at:], []byte(telling(form)))
			if i < 0 {
				break
			}
			at += i
			spans = append(spans, span{at, at + common(p[at:], form)})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.begin, b.begin) })
	return spans
}

// telling is the part of a secret by which it is found. A long one may be cut
// off in what is written, as the first bytes of a server's answer are.
func telling(form string) string {
	if len(form) < 24 {
		return form
	}
	return form[:16]
}

// common is how much of a secret a text begins with.
func common(p []byte, form string) (n int) {
	for n < len(p) && n < len(form) && p[n] == form[n] {
		n++
	}
	return n
}
