package spec_test

import (
	"encoding/json"
	"testing"

	"github.com/tailjoin/tailjoin/internal/spec"
)

func TestMatches(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"repo:a/b:*", "repo:a/b:ref:refs/heads/main", true},
		{"repo:a/b:*", "repo:a/b:", true},
		{"repo:a/b:*", "xrepo:a/b:ref", false},
		{"*", "", true},
		{"*:main", "ref:main", true},
		{"*:main", "ref:main2", false},
		{"a*b*c", "a--b--b--c", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "ac", false},
		{"a*a", "a", false},
		{"a**b", "ab", true},
		{"", "", true},
		{"", "a", false},
		{"a.c", "abc", false},
		{"a?c", "abc", false},
		{"[a]", "a", false},
		{`a\*`, "a*", false},
		{"a|b", "a", false},
		{"A", "a", false},
	}
	for _, tt := range tests {
		if got := spec.Matches(tt.pattern, tt.s); got != tt.want {
			t.Errorf("Matches(%q, %q) = %v, want %v", tt.pattern, tt.s, got, tt.want)
		}
	}
}

func TestClaim_reachesIntoObjects(t *testing.T) {
	var claims map[string]any
	if err := json.Unmarshal([]byte(`{
		"sub": "s", "a.b": "dotted", "user": {"name": "alice", "age": 17},
		"open.id": {"user": {"id.no": true}}, "groups": ["a"], "null": null, "big": 7000000001
	}`), &claims); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"sub": "s", `"sub"`: "s", `"a.b"`: "dotted", "user.name": "alice", `"user".age`: "17", `user."age"`: "17",
		`"open.id".user."id.no"`: "true", "big": "7000000001",
	} {
		if got, ok := spec.ClaimText(spec.Claim(claims, path)); !ok || got != want {
			t.Errorf("%s: got %q, %t, want %q", path, got, ok, want)
		}
	}
	for _, path := range []string{"a.b", "user", "user.name.first", "groups", "groups.0", "null", "none", "none.at.all", ""} {
		if got, ok := spec.ClaimText(spec.Claim(claims, path)); ok {
			t.Errorf("%s: got %q, want no text", path, got)
		}
	}
}

func TestCheckPath(t *testing.T) {
	for _, good := range []string{"sub", "user.name", `"open.id".user."id.no"`, `"a=b"`, "a b", "oidc/x", "*"} {
		if err := spec.CheckPath(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", `"`, `""`, `"a`, `"a"b`, `a"b"`, `a."b`, `"a".`, `"a"."`} {
		if spec.CheckPath(bad) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
