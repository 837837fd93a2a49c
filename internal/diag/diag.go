// Package diag is a failure that the reader of a CI log can act on.
package diag

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// A Problem is a failure with something the user can do about it. It is
// written where the knowledge is and printed once, by package cli.
type Problem struct {
	Code    string  // stable name and the heading in docs/errors.md: "wif-refused"
	Summary string  // what did not work, in the user's words; no full stop
	Places  []Place // of the user's files, where it is wrong
	Facts   []Fact  // what was seen; safe to print
	Hint    string  // what to do; may hold several lines
	Err     error   // the cause; may be nil
	Input   bool    // the fault is in what the user asked for: exit status 2
}

// A Fact is one thing that was seen, for the reader to compare.
type Fact struct{ Name, Value string }

// A Place is where a file of the user's is wrong, or worth a look.
type Place struct {
	File         string // as the user calls it
	Line, Column int    // from 1; a column in bytes; 0 if nobody knows
	Text         string // what there is to say of it
}

// String is the form that compilers have: policy.hujson:12:3: what is wrong.
func (p Place) String() string {
	at := p.File
	if p.Line > 0 {
		at += fmt.Sprintf(":%d", p.Line)
	}
	if p.Line > 0 && p.Column > 0 {
		at += fmt.Sprintf(":%d", p.Column)
	}
	return at + ": " + p.Text
}

// Error is the summary and the cause in one line, for a wrapping error.
func (p *Problem) Error() string {
	if p.Err == nil {
		return p.Summary
	}
	return fmt.Sprintf("%s: %v", p.Summary, p.Err)
}

func (p *Problem) Unwrap() error { return p.Err }

// nothing is shown for a fact without a value: that there is none is a fact.
const nothing = "(none)"

// docs is where every code has a heading.
const docs = "https://github.com/tailjoin/tailjoin/blob/v1/docs/errors.md#"

// Text renders the problem for a plain log, a line each for the cause, the
// places, the facts, the hint and the page that explains the code.
func (p *Problem) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "error: %s\n", p.Summary)
	if p.Err != nil {
		fmt.Fprintf(&b, "cause: %s\n", indent(p.Err.Error(), 7))
	}
	for _, at := range p.Places {
		fmt.Fprintf(&b, "  %s\n", indent(at.String(), 4))
	}
	width := 0
	for _, f := range p.Facts {
		width = max(width, len(f.Name))
	}
	for _, f := range p.Facts {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, f.Name, indent(cmp.Or(f.Value, nothing), width+4))
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, "hint:  %s\n", indent(p.Hint, 7))
	}
	if p.Code != "" {
		fmt.Fprintf(&b, "docs:  %s%s\n", docs, p.Code)
	}
	return b.String()
}

// indent sets the second and later lines of s below the first.
func indent(s string, by int) string {
	return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+strings.Repeat(" ", by))
}

// As returns the outermost Problem in err, or one that wraps an error nobody
// explained: it asks for a report, since the reader cannot do anything else.
func As(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	return &Problem{
		Code:    "unexpected",
		Summary: "something went wrong that tailjoin does not know",
		Err:     err,
		Hint:    "please report it, with this log: https://github.com/tailjoin/tailjoin/issues",
	}
}

// Input is a problem with what the user asked for: nothing was started.
func Input(summary, hint string, facts ...Fact) *Problem {
	return &Problem{Code: "input-invalid", Summary: summary, Facts: facts, Hint: hint, Input: true}
}
