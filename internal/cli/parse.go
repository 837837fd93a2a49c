package cli

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// parse sets each flag from the job's input, if there is one, then from args,
// which win. An input that evaluates to nothing was not given.
func parse(fs *flag.FlagSet, job ci.Job, args []string) error {
	return parser{fs: fs, job: job}.parse(args)
}

func (p parser) parse(args []string) error {
	if err := p.inputs(); err != nil {
		return err
	}
	if err := p.flags(args); err != nil {
		return err
	}
	if p.fs.NArg() > 0 {
		return p.unexpected(p.fs.Arg(0))
	}
	return nil
}

// parseAmongWords parses flags, with words between them: the words of
// --expect need no flag each.
func parseAmongWords(fs *flag.FlagSet, job ci.Job, args []string) (words []string, err error) {
	p := parser{fs: fs, job: job}
	if err := p.inputs(); err != nil {
		return nil, err
	}
	for {
		if err := p.flags(args); err != nil || fs.NArg() == 0 {
			return words, err
		}
		if err := p.checkKeys("an argument", fs.Arg(0)); err != nil {
			return nil, err
		}
		words, args = append(words, fs.Arg(0)), fs.Args()[1:]
	}
}

// A parser gives the flags of one command their values.
type parser struct {
	fs       *flag.FlagSet
	job      ci.Job
	tolerate func(input string, err error) // is told of an input that cannot be used and is left out; nil: it is an error
}

func (p parser) inputs() (failed error) {
	p.fs.VisitAll(func(f *flag.Flag) {
		value := trimFor(f.Name, p.job.Input(f.Name))
		if value == "" || failed != nil {
			return
		}
		err := p.set(f, f.Value, value)
		if err != nil && p.tolerate != nil {
			p.tolerate(f.Name, err)
			f.Value.Set("") // where that is no value, the default still holds
			err = nil
		}
		failed = err
	})
	return failed
}

// flags parses args. While that lasts each flag has a value that checks what it
// is given; flag itself would make a text of the problem.
func (p parser) flags(args []string) error {
	var failed error
	p.fs.VisitAll(func(f *flag.Flag) {
		f.Value = &checkedValue{f.Value, func(to flag.Value, value string) error {
			err := p.set(f, to, trimFor(f.Name, value))
			failed = errors.Join(failed, err)
			return err
		}}
	})
	p.fs.SetOutput(io.Discard)
	err := p.fs.Parse(args)
	p.fs.VisitAll(func(f *flag.Flag) { f.Value = f.Value.(*checkedValue).Value })
	switch {
	case failed != nil:
		return failed
	case err == nil || errors.Is(err, flag.ErrHelp):
		return err
	}
	if keys := p.checkKeys("an argument", err.Error()); keys != nil {
		return keys
	}
	return diag.Input(err.Error(), seeHelp(p.fs))
}

// A checkedValue is the value of a flag that has more to say than flag knows.
type checkedValue struct {
	flag.Value
	set func(flag.Value, string) error
}

func (c *checkedValue) Set(value string) error { return c.set(c.Value, value) }

func (c *checkedValue) IsBoolFlag() bool {
	b, ok := c.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// set gives a flag a value, unless that is a mistake that must not be sent to
// anyone, or that cannot be seen.
func (p parser) set(f *flag.Flag, to flag.Value, value string) error {
	if err := p.checkKeys("input "+f.Name, value); err != nil {
		return err
	}
	_, isHidden := to.(hidden)
	if !isHidden {
		if err := cmp.Or(p.checkToken(f.Name, value), checkVisible(f.Name, value)); err != nil {
			return err
		}
	}
	if err := to.Set(value); err != nil {
		if isHidden {
			value = "(a secret)"
		}
		return diag.Input(fmt.Sprintf("input %s cannot be %q", f.Name, value), err.Error())
	}
	if file, ok := to.(interface{ content() string }); ok { // of file:PATH
		return p.checkKeys("input "+f.Name, file.content())
	}
	return nil
}

func (p parser) unexpected(word string) error {
	if err := p.checkKeys("an argument", word); err != nil {
		return err
	}
	return diag.Input(fmt.Sprintf("unexpected argument %q", word), seeHelp(p.fs))
}

func seeHelp(fs *flag.FlagSet) string { return "see: tailjoin " + fs.Name() + " --help" }

// bodyInput is the one input in which blanks at its ends may be meant.
const bodyInput = "id-token-body"

// trimFor removes what cannot be meant at the ends of an input, and often cannot
// be seen there: a line end of a stored variable, a byte order mark of a file,
// quotes around all of it.
func trimFor(input, value string) string {
	switch input {
	case bodyInput:
		return value
	case "description":
		return trim(value)
	}
	return unquote(trim(value))
}

func trim(value string) string {
	return strings.TrimFunc(value, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) })
}

// quotes are pairs that stay around a value which was copied from a script or a
// web page.
var quotes = [][2]string{{`"`, `"`}, {`'`, `'`}, {"`", "`"}, {"“", "”"}, {"‘", "’"}}

// unquote removes quotes around a value that has no others.
func unquote(value string) string {
	for _, pair := range quotes {
		inner, opened := strings.CutPrefix(value, pair[0])
		inner, closed := strings.CutSuffix(inner, pair[1])
		if opened && closed && !strings.Contains(inner, pair[0]) && !strings.Contains(inner, pair[1]) {
			return trim(inner)
		}
	}
	return value
}

// isInvisible holds for control characters, zero-width ones and those that
// change the direction of text.
func isInvisible(r rune) bool {
	return unicode.IsControl(r) || r == '\uFEFF' || r == '\u2060' || '\u200B' <= r && r <= '\u200F' || '\u202A' <= r && r <= '\u202E' || '\u2066' <= r && r <= '\u2069'
}

// severalLines are the inputs that may have line breaks and tabs between words.
var severalLines = map[string]bool{
	"args": true, "tailscaled-args": true, "tags": true, "ping": true, "wait-for": true, "sts-audience": true, "id-token-source": true,
	"scope": true, "tag": true, "claim": true, "expect": true, bodyInput: true,
}

// checkVisible refuses characters in the middle of a value that no message
// about it could show.
func checkVisible(input, value string) error {
	odd := strings.IndexFunc(value, func(r rune) bool {
		return isInvisible(r) && !(severalLines[input] && strings.ContainsRune("\r\n\t", r)) && !isJoiner(r)
	})
	if odd < 0 || input == bodyInput {
		return nil
	}
	return diag.Input("input "+input+" has a character that cannot be seen", "remove it; such characters come with text that was copied from elsewhere",
		diag.Fact{Name: "given", Value: fmt.Sprintf("%+q", value)})
}

// isJoiner holds for the zero-width characters that some scripts need.
func isJoiner(r rune) bool { return r == '\u200C' || r == '\u200D' }
