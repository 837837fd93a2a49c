package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/secret"
)

// The standard flag package says only "parse error". These values say which
// form is wanted.

// A duration takes Go's form, and a bare number as seconds, as
// tailscale/github-action does.
type duration struct{ *time.Duration }

func (d duration) Set(value string) error {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil && seconds > 0 {
		*d.Duration = time.Duration(seconds) * time.Second
		return nil
	}
	parsed, err := time.ParseDuration(value)
	if err != nil || parsed <= 0 {
		return errors.New("must be a duration such as 90s, 2m or 1m30s")
	}
	*d.Duration = parsed
	return nil
}

func (d duration) String() string {
	if d.Duration == nil {
		return ""
	}
	text := d.Duration.String()
	if strings.HasSuffix(text, "m0s") {
		return strings.TrimSuffix(text, "0s")
	}
	return text
}

// A lifetime takes days, too: 30d.
type lifetime struct{ duration }

func (l lifetime) Set(value string) error {
	if days, ok := strings.CutSuffix(value, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			*l.Duration = time.Duration(n) * 24 * time.Hour
			return nil
		}
	}
	if l.duration.Set(value) != nil {
		return errors.New("must be a duration such as 10m, 1h or 30d")
	}
	return nil
}

// A boolean takes true and false and nothing else.
type boolean struct{ *bool }

func (b boolean) Set(value string) error {
	switch strings.ToLower(value) {
	case "true":
		*b.bool = true
	case "false":
		*b.bool = false
	default:
		return errors.New("must be true or false")
	}
	return nil
}

func (b boolean) String() string {
	if b.bool == nil {
		return ""
	}
	return strconv.FormatBool(*b.bool)
}

func (b boolean) IsBoolFlag() bool { return true }

// A decision is a boolean that may be left to somebody else.
type decision struct{ value **bool }

func (d decision) Set(value string) error {
	var decided bool
	if err := (boolean{&decided}).Set(value); err != nil {
		return err
	}
	*d.value = &decided
	return nil
}

func (d decision) String() string {
	if d.value == nil || *d.value == nil {
		return ""
	}
	return strconv.FormatBool(**d.value)
}

func (d decision) IsBoolFlag() bool { return true }

// orTrue is a decision that nobody may have made.
func orTrue(decided *bool) bool { return decided == nil || *decided }

// A choice takes one of a few words.
type choice struct {
	value *string
	words []string
}

func (c choice) Set(value string) error {
	if !slices.Contains(c.words, value) {
		return fmt.Errorf("must be one of %s", strings.Join(c.words, ", "))
	}
	*c.value = value
	return nil
}

func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

// A hidden takes a secret, or file:PATH, and does not show it again.
type hidden struct{ *secret.Text }

func (h hidden) Set(value string) error {
	text, err := orContent(value)
	*h.Text = secret.New(text)
	return err
}

func (h hidden) String() string { return "" }

func (h hidden) content() string { return h.Reveal() }

// An orFile takes a text, or file:PATH.
type orFile struct{ *string }

func (o orFile) content() string { return *o.string }

func (o orFile) Set(value string) (err error) {
	*o.string, err = orContent(value)
	return err
}

func (o orFile) String() string {
	if o.string == nil {
		return ""
	}
	return *o.string
}

// longestContent is more than any credential has.
const longestContent = 64 << 10

// orContent is a text, or what stands in the file that it names, as tailscale
// up takes it: file:PATH.
func orContent(value string) (string, error) {
	value = unquote(trim(value))
	path, ok := strings.CutPrefix(value, "file:")
	if !ok {
		return value, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, longestContent))
	if text := unquote(trim(string(raw))); err != nil || text != "" {
		return text, err
	}
	return "", fmt.Errorf("%s is empty", path)
}

// A count takes a whole number of at least one.
type count struct{ *int }

func (c count) Set(value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return errors.New("must be a whole number of 1 or more")
	}
	*c.int = n
	return nil
}

func (c count) String() string {
	if c.int == nil {
		return ""
	}
	return strconv.Itoa(*c.int)
}

// A lines takes one line or several, each time it is given.
type lines struct{ value *[]string }

func (l lines) Set(value string) error {
	*l.value = append(*l.value, strings.Split(value, "\n")...)
	return nil
}

func (l lines) String() string {
	if l.value == nil {
		return ""
	}
	return strings.Join(*l.value, "\n")
}
