package spec

import (
	"regexp"
	"strings"
	"testing"
)

func TestCovers_theWholeNameAndNoFurther(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"acme/web", "acme/web", true},
		{"acme/web", "acme/web2", false},
		{"acme/web", "xacme/web", false},
		{"acme/*", "acme/web", true},
		{"acme/*", "acme/", true},
		{"acme/*", "acme/group/web", false},
		{"acme/*/*", "acme/group/web", true},
		{"acme/**", "acme/group/web", true},
		{"*", "acme/web", false},
		{"*", "a:b", false},
		{"*", "", true},
		{"**", "a/b:c", true},
		{"*/*", "acme/web", true},
		{"*/web", "acme/web", true},
		{"release-*", "release-1.2", true},
		{"release-*", "release-1/2", false},
		{"release/**/x", "release/a/b/x", true},
		{"release/**/x", "release/x", false},
		{"v*.*", "v1.2", true},
		{"v*.*", "v12", false},
		{"a*b*c", "a--b--b--c", true},
		{"a*a", "a", false},
		{"**/main", "refs/heads/main", true},
		{"a.c", "abc", false},
		{"Main", "main", false},
		{"", "", true},
	} {
		if got := Covers(c.pattern, c.s); got != c.want {
			t.Errorf("Covers(%q, %q) = %t", c.pattern, c.s, got)
		}
	}
}

// Many stars cost no more than their number.
func TestCovers_isDoneInTime(t *testing.T) {
	if Covers(strings.Repeat("*a", 2000), strings.Repeat("a", 4000)+"b") {
		t.Error("the b at the end is covered")
	}
}

// The same rule by another way: a regular expression.
func FuzzCovers_asARegularExpressionDoes(f *testing.F) {
	for _, seed := range [][2]string{
		{"acme/*", "acme/web"}, {"a**b", "a/:b"}, {"*:*", "a:b"}, {"***", "x"}, {"", ""}, {"é*", "éa"}, {"*\xff", "a\xff"}, {"a\n*", "a\nb"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 64 || len(s) > 256 || strings.ContainsFunc(pattern+s, func(r rune) bool { return r > 127 }) {
			return // regexp knows no bytes that are no UTF-8
		}
		text := regexp.QuoteMeta(pattern)
		text = strings.ReplaceAll(text, `\*\*`, `.*`)
		text = strings.ReplaceAll(text, `\*`, `[^/:]*`)
		if want := regexp.MustCompile(`(?s)\A(?:` + text + `)\z`).MatchString(s); Covers(pattern, s) != want {
			t.Errorf("Covers(%q, %q) = %t", pattern, s, !want)
		}
	})
}
