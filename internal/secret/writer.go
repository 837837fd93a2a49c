package secret

import (
	"bytes"
	"io"
	"sync"
)

// A Writer writes text without the secrets of its Filter. It holds back an
// unfinished line, so that a secret split over two writes is found; Flush
// writes the rest. It is safe for concurrent use.
type Writer struct {
	mu     sync.Mutex
	filter *Filter
	out    io.Writer
	line   []byte
}

func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line = append(w.line, p...)
	end := bytes.LastIndexByte(w.line, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	_, err := w.out.Write(w.filter.clean(w.line[:end]))
	w.line = append(w.line[:0], w.line[end:]...)
	return len(p), err
}

// Flush writes an unfinished last line.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.line) == 0 {
		return nil
	}
	_, err := w.out.Write(w.filter.clean(w.line))
	w.line = w.line[:0]
	return err
}
