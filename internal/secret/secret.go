// Package secret is a string that does not print, and a writer that hides
// such strings wherever they turn up.
package secret

import "log/slog"

const redacted = "[redacted]"

// A Text is a secret from the line that receives it to the call that sends
// it. Printing, logging or encoding it shows "[redacted]". The zero value is
// no secret at all.
type Text struct {
	// A pointer: fmt cannot call String on an unexported field of somebody
	// else's struct, and would print what it finds there.
	value *string
}

// New makes a secret of s. An empty s is the zero Text.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{&s}
}

// Reveal is the one way out. Call it only where the secret is sent.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero reports that there is no secret.
func (t Text) IsZero() bool { return t.value == nil }

func (t Text) String() string {
	if t.IsZero() {
		return ""
	}
	return redacted
}

func (t Text) GoString() string             { return t.String() }
func (t Text) LogValue() slog.Value         { return slog.StringValue(t.String()) }
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }
