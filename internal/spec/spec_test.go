package spec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// wantInput fails unless err is a problem with the input that names part.
func wantInput(t *testing.T, err error, part string) {
	t.Helper()
	p := diag.As(err)
	if p.Code != "input-invalid" || !p.Input || !strings.Contains(p.Summary, part) || p.Hint == "" {
		t.Errorf("error %+v, want an input problem that names %q", p, part)
	}
}

func TestTags(t *testing.T) {
	got, err := spec.Tags(" tag:deploy, ci,,tag:ci ") // the prefix is optional, as for tailscale up
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"tag:ci", "tag:deploy"}, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"2ci", "tag:", "tag:-x", "tag:a b", "Tag:ci", "tags:ci"} {
		_, err := spec.Tags("tag:ok," + bad)
		wantInput(t, err, bad)
	}
}

func TestHostname(t *testing.T) {
	for _, good := range []string{"a", "web-1", "ci-ubuntu-24.04", "ip-10-0-0-7.eu-west-1.compute.internal", "a.b.", strings.Repeat("x", 63)} {
		if err := spec.Hostname(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a..b", ".", "-a", "a.-b", "a_b", "a b", strings.Repeat("x", 64), strings.Repeat("x.", 127) + "xx"} {
		wantInput(t, spec.Hostname(bad), bad)
	}
}

// As tailscale/github-action, but for an end that no name may have.
func TestCutHostname(t *testing.T) {
	long := strings.Repeat("x", 62)
	for name, want := range map[string]string{
		"web": "web", long + "y": long + "y", long + "yz": long + "y", long + ".com": long, long[1:] + "-.com": long[1:], "a.b": "a.b",
	} {
		cut, wasLonger := spec.CutHostname(name)
		if cut != want || wasLonger != (name != want) || spec.Hostname(cut) != nil {
			t.Errorf("%s became %s, cut: %t", name, cut, wasLonger)
		}
	}
}

func TestLabel_makesAValidNameOfAnything(t *testing.T) {
	for _, text := range []string{"github-my_repo.js-7-1-build (ubuntu, 24)", "", "___", "日本", strings.Repeat("long", 40)} {
		if err := spec.Hostname(spec.Label(text)); err != nil {
			t.Errorf("Label(%q) = %q: %v", text, spec.Label(text), err)
		}
	}
}

func TestTargets(t *testing.T) {
	got, err := spec.Targets("my-server:443, [fd7a::1]:22")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"my-server:443", "[fd7a::1]:22"}, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"my-server", ":80", "a:0", "a:65536", "a:http"} {
		_, err := spec.Targets(bad)
		wantInput(t, err, bad)
	}
}

func TestAttributes_eachBooleanDefaultsToTrue(t *testing.T) {
	for value, want := range map[string]spec.Attributed{
		"T1":                     {Value: "T1", Ephemeral: true, Preauthorized: true},
		"T1?preauthorized=true":  {Value: "T1", Ephemeral: true, Preauthorized: true},
		"T1?ephemeral=false":     {Value: "T1", Ephemeral: false, Preauthorized: true},
		"S?baseURL=https://x.io": {Value: "S", Ephemeral: true, Preauthorized: true, BaseURL: "https://x.io"},
	} {
		got, err := spec.Attributes("oauth-client-id", value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", value, d)
		}
	}
	for _, bad := range []string{"ephemeral=nope", "reusable=true", "ephemeral=true;x"} {
		_, err := spec.Attributes("oauth-secret", "secret-value?"+bad)
		wantInput(t, err, "oauth-secret")
		if strings.Contains(diag.As(err).Text(), "secret-value") {
			t.Errorf("the secret is in %v", err)
		}
	}
}

func TestPeers(t *testing.T) {
	good := []string{"my-server", "my-server.tail1.ts.net.", "100.101.102.103", "fd7a:115c:a1e0::1"}
	got, err := spec.Peers(strings.Join(good, ", "))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(good, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"my-server:80", "http://my-server", "-x", "a b"} {
		_, err := spec.Peers("ok," + bad)
		wantInput(t, err, bad)
	}
}

func TestServer(t *testing.T) {
	for _, good := range []string{"https://control.example.com", "http://10.0.0.1:8080/base"} {
		if err := spec.Server(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "control.example.com", "ftp://control.example.com", "http://"} {
		if spec.Server(bad) == nil {
			t.Errorf("%q is taken for a server", bad)
		}
	}
}
