package nesting_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/nesting"
	"github.com/tailscale/hujson"
)

func TestExceeds(t *testing.T) {
	open := strings.Repeat("[", 11)
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"deep enough":            {open[1:], -1},
		"too deep":               {open, 10},
		"one after another":      {strings.Repeat("[]", 100), -1},
		"objects":                {strings.Repeat(`{"a":`, 11), 50},
		"text":                   {`["` + open + `\"` + open + `"]`, -1},
		"comments":               {"//" + open + "\n/*" + open + "*/[]", -1},
		"closed in a comment":    {"//" + strings.Repeat("]", 100) + "\n" + open, 113},
		"closed in each comment": {strings.Repeat("[/*]*/", 11), 60},
		"closed in each text":    {strings.Repeat(`["]",`, 11), 50},
		"closed, never opened":   {strings.Repeat("]", 100) + open, 110},
		"a comment in a comment": {"/*/*/" + open, 15},
		"text that is not ended": {`"` + open, -1},
		"a slash":                {"/" + open, 11},
	} {
		if got := nesting.Exceeds([]byte(c.text), 10); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// Whatever hujson takes is as deep for Exceeds as it is for hujson.
func TestExceeds_countsAsTheParserDoes(t *testing.T) {
	parts := []string{"[", "[", "[", "]", "{", "}", `"a":`, `"`, `\"`, "\\\\", "//", "\n", "/*", "*/", "1", ",", " ", "[]", `"]"`, "/*]*/", "//]\n", `{"a":`}
	r := rand.New(rand.NewPCG(1, 2))
	taken := 0
	for range 300_000 {
		var b strings.Builder
		for range 1 + r.IntN(9) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		text := b.String()
		v, err := hujson.Parse([]byte(text))
		if err != nil {
			continue
		}
		taken++
		deep := depth(v)
		if deep > 0 && nesting.Exceeds([]byte(text), deep-1) < 0 || nesting.Exceeds([]byte(text), deep) >= 0 {
			t.Fatalf("%q is %d deep, which Exceeds does not say", text, deep)
		}
	}
	if taken < 1000 {
		t.Errorf("only %d texts were HuJSON", taken)
	}
}

func depth(v hujson.Value) (deepest int) {
	inside := 0
	switch c := v.Value.(type) {
	case *hujson.Object:
		for _, m := range c.Members {
			inside = max(inside, depth(m.Value))
		}
	case *hujson.Array:
		for _, e := range c.Elements {
			inside = max(inside, depth(e))
		}
	default:
		return 0
	}
	return inside + 1
}
