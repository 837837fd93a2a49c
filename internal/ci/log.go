package ci

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// A logHandler writes a line for each record: the message, then the
// attributes. A platform brings only the form of a line.
type logHandler struct {
	mu    *sync.Mutex
	out   io.Writer
	clean func(string) string
	level slog.Level
	form  func(level slog.Level, text string) string
	attrs string
}

func logTo(s Streams, level slog.Level, form func(slog.Level, string) string) slog.Handler {
	return &logHandler{mu: new(sync.Mutex), out: s.Words, clean: s.clean, level: level, form: form}
}

// plain marks only what is not ordinary progress.
func plain(level slog.Level, text string) string {
	if level == slog.LevelInfo {
		return text
	}
	return strings.ToLower(level.String()) + ": " + text
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message + h.attrs)
	r.Attrs(func(a slog.Attr) bool { b.WriteString(attr(a)); return true })
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := fmt.Fprintln(h.out, h.form(r.Level, h.clean(b.String())))
	return err
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	for _, a := range attrs {
		with.attrs += attr(a)
	}
	return &with
}

// WithGroup drops the name: a CI log has no use for nesting.
func (h *logHandler) WithGroup(string) slog.Handler { return h }

func attr(a slog.Attr) string {
	value := a.Value.Resolve().String()
	if value == "" || strings.ContainsAny(value, " \n\"=") {
		value = fmt.Sprintf("%q", value)
	}
	return " " + a.Key + "=" + value
}
