package secret

import (
	"bytes"
	"io"
	"sync"
)

// A Writer hides every secret it was told of in what is written through it.
// It holds back an unfinished line, so that a secret split over two writes is
// found; Flush writes the rest. It is safe for concurrent use.
type Writer struct {
	mu     sync.Mutex
	out    io.Writer
	hidden [][]byte
	line   []byte
}

// NewWriter hides nothing until Hide is called.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// shortest is the length below which a value is not hidden: replacing it
// would garble the text and a secret that short protects nothing.
const shortest = 6

// Hide has t replaced from now on, each line of it by itself.
func (w *Writer) Hide(t Text) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range bytes.Lines([]byte(t.Reveal())) {
		if line = bytes.TrimSpace(line); len(line) >= shortest {
			w.hidden = append(w.hidden, line)
		}
	}
}

func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line = append(w.line, p...)
	end := bytes.LastIndexByte(w.line, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	_, err := w.out.Write(w.clean(w.line[:end]))
	w.line = append(w.line[:0], w.line[end:]...)
	return len(p), err
}

// Flush writes an unfinished last line.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.out.Write(w.clean(w.line))
	w.line = w.line[:0]
	return err
}

func (w *Writer) clean(p []byte) []byte {
	for _, secret := range w.hidden {
		p = bytes.ReplaceAll(p, secret, []byte(redacted))
	}
	return p
}
