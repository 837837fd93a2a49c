package markdown_test

import (
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/markdown"
)

func TestText_staysText(t *testing.T) {
	for text, want := range map[string]string{
		"a plain text, 1": "a plain text, 1",
		"[click](x)":      `\[click\](x)`,
		"<img src=x>":     `&lt;img src=x\>`,
		"@acme/admins":    "&#64;acme/admins",
		"&#64;acme":       "&amp;&#35;64;acme",
		"https://x":       "https&#58;//x",
		"a|b":             `a\|b`,
		`a\|b`:            `a\\\|b`,
		"`code`":          "\\`code\\`",
		"a\n# b\r\n- c\r": `a &#35; b - c `,
		"GH-1 #1":         `GH-1 &#35;1`,
		"www.x.y":         "www&#46;x.y",
		"*a* _b_ ~c~ $d$": `\*a\* \_b\_ \~c\~ \$d\$`,
	} {
		if got := markdown.Text(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestCode_endsWhereItShould(t *testing.T) {
	for text, want := range map[string]string{"a`b": "`a'b`", `a\|b`: "`a\\¦b`", "a\nb": "`a b`", "@a <b>": "`@a <b>`"} {
		if got := markdown.Code(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestFence_isLongerThanWhatItHolds(t *testing.T) {
	got := markdown.Fence("text", "a\n````\nb\n")
	if want := "`````text\na\n````\nb\n`````\n"; got != want || strings.Count(got, "`````") != 2 {
		t.Errorf("got %q, want %q", got, want)
	}
}
