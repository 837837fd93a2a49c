package ci

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/markdown"
)

// speak has a job talk in lines, each of which harmless keeps from being taken
// for a command of the platform. Most platforms have no other way; what one
// does have it sets afterwards.
func (j *Job) speak(s Streams, harmless func(string) string) {
	j.Harmless = harmless
	print := func(name, value string) error { return line(s.Results, "%s\n", harmless(name+"="+value)) }
	j.Output = print
	j.Variable = func(name, value string) error {
		if value == "" { // taken back: whoever reads lines was told of none that stays
			return nil
		}
		return print(name, value)
	}
	j.Group = func(title string) func() { line(s.Words, "%s\n", harmless(title)); return func() {} }
	j.Report = func(p *diag.Problem) { writeLines(s.Words, p.Text(), harmless) }
	j.Warn = func(at diag.Place) { line(s.Words, "%s\n", harmless(plain(slog.LevelWarn, at.String()))) }
	j.Log = logTo(s, level(j.Debug), func(level slog.Level, text string) string { return harmless(plain(level, text)) })
}

func line(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, format, args...)
	return err
}

func writeLines(w io.Writer, text string, form func(string) string) {
	for each := range strings.Lines(text) {
		line(w, "%s\n", form(strings.TrimRight(each, "\n")))
	}
}

// printable is text as one line that moves no cursor and colours nothing. By
// that GitLab, CircleCI and Bitbucket find nothing in it: the markers of
// GitLab's sections hold a carriage return and an escape.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, text)
}

// problemMarkdown is a problem for a page of the job.
func problemMarkdown(p *diag.Problem) string {
	return "### tailjoin: " + markdown.Text(p.Summary) + "\n\n" + markdown.Fence("text", p.Text())
}
