package sts

import (
	"io"
	"log/slog"
	"os"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/sts/ownfile"
)

// logger is for words to people, or to what collects them.
func (f *front) logger(c config.Logs) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // config allows no other words than slog's
	}
	o := &slog.HandlerOptions{Level: level}
	if c.JSON != nil && *c.JSON || c.JSON == nil && !isTerminal(f.Err) {
		return slog.New(slog.NewJSONHandler(f.Err, o))
	}
	return slog.New(slog.NewTextHandler(f.Err, o))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// auditRule is for the file of the audit. It is not followed if it is a link,
// which another user could have put into a shared directory.
var auditRule = ownfile.Rule{Forbidden: 0o022, NoLink: true, Device: true}

// auditTo opens what the audit is written to.
func (f *front) auditTo(c config.Audit) (io.WriteCloser, error) {
	if c.Path == "-" {
		return keptOpen{f.Out}, nil
	}
	file, err := ownfile.OpenFile(c.Path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600, auditRule)
	if err != nil {
		return nil, diag.Input("the audit cannot be written", "name a file that this user may write, or - for the standard output: audit.path",
			diag.Fact{Name: "because", Value: err.Error()})
	}
	return file, nil
}

// keptOpen is a stream that others use, too.
type keptOpen struct{ io.Writer }

func (keptOpen) Close() error { return nil }
