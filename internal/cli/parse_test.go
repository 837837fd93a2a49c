package cli

import (
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
)

func newParser(t *testing.T) parser {
	t.Helper()
	fs := flag.NewFlagSet("join", flag.ContinueOnError)
	new(inputs).join(fs)
	return parser{fs: fs, job: ci.Detect(func(string) string { return "" }, ci.Streams{Results: io.Discard, Words: io.Discard, Masks: io.Discard})}
}

// given are inputs with values as pipelines give them, and as flags.
func given(t *testing.T, values map[string]string) map[string]*inputs {
	t.Helper()
	all := map[string]*inputs{}
	for _, way := range []string{"variables", "flags"} {
		var in inputs
		fs := flag.NewFlagSet("join", flag.ContinueOnError)
		in.join(fs)
		vars, args := map[string]string{}, []string{}
		for name, value := range values {
			if way == "flags" {
				args = append(args, "--"+name+"="+value)
			} else {
				vars[ci.Variable(name)] = value
			}
		}
		job := ci.Detect(func(name string) string { return vars[name] }, ci.Streams{Results: io.Discard, Words: io.Discard, Masks: io.Discard})
		if err := parse(fs, job, args); err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		all[way] = &in
	}
	return all
}

// Secrets and variables of CIs often have a line end, files a byte order mark.
func TestParse_trimsWhatCannotBeMeant(t *testing.T) {
	for _, ends := range [][2]string{{"", "\n"}, {"", "\r\n"}, {" ", "\t"}, {"\ufeff", "\u200b"}, {"\u00a0", "\u00a0\u2060"}, {"\x00", "\x1b\x7f"}, {"\u202a", "\u202c"}, {`"`, `"`}, {"' ", "'\n"}, {"\ufeff“", "”"}, {"`", "`"}} {
		wrap := func(value string) string { return ends[0] + value + ends[1] }
		for way, in := range given(t, map[string]string{
			"audience": wrap("api.tailscale.com/T1-CNTRL"), "oauth-client-id": wrap("T1-CNTRL"), "expected-tailnet": wrap("example.com"), "id-token-source": wrap("github"),
			"exit-node": wrap("my-server"), "statedir": wrap("d"), "network": wrap("tun"), "accept-dns": wrap("false"), "use-cache": wrap("False"), "timeout": wrap("90s"), "retry": wrap("3"),
			"authkey": wrap("tskey-auth-k1-2"), "tags": wrap("tag:a,tag:b"), "args": wrap("--ssh\n--shields-up"),
		}) {
			switch {
			case in.audience != "api.tailscale.com/T1-CNTRL", in.oauthClientID != "T1-CNTRL", in.expectedTailnet != "example.com", in.idTokenSource != "github",
				in.exitNode != "my-server", in.stateDir != "d", in.network != "tun", *in.acceptDNS, in.useCache, in.timeout != 90*time.Second, in.retry != 3,
				in.authKey.Reveal() != "tskey-auth-k1-2", in.tags != "tag:a,tag:b", in.args != "--ssh\n--shields-up":
				t.Errorf("%s, between %q: %+v", way, ends, in)
			}
		}
	}
	for way, in := range given(t, map[string]string{"id-token-body": " {}\n"}) {
		if in.idTokenBody != " {}\n" {
			t.Errorf("%s: body %q", way, in.idTokenBody)
		}
	}
}

// An input that holds nothing else was not given.
func TestParse_takesInvisibleInputsForNone(t *testing.T) {
	vars := map[string]string{"TAILJOIN_TIMEOUT": "\n", "TAILJOIN_NETWORK": "\ufeff", "TAILJOIN_RETRY": " "}
	var in inputs
	fs := flag.NewFlagSet("join", flag.ContinueOnError)
	in.join(fs)
	job := ci.Detect(func(name string) string { return vars[name] }, ci.Streams{})
	if err := parse(fs, job, nil); err != nil || in.timeout != 2*time.Minute || in.network != "auto" || in.retry != 5 {
		t.Errorf("%v: %+v", err, in)
	}
}

func TestParse_refusesWhatNoMessageCouldShow(t *testing.T) {
	for value, shown := range map[string]string{
		"example\n.com": `"example\n.com"`, "example.com\x00x": `\x00`, "a\u200bb": `\u200b`, "a\ufeffb": `\ufeff`, "a\u202eb": `\u202e`, "a\tb": `\t`, "a\x1b[31mb": `\x1b`,
	} {
		for _, input := range []string{"audience", "expected-tailnet", "oauth-client-id", "statedir", "network", "exit-node"} {
			err := newParser(t).args("--"+input, value)
			p := diag.As(err)
			if err == nil || !p.Input || !strings.Contains(p.Text(), shown) || !strings.Contains(p.Text(), input) {
				t.Errorf("%s %q: %v", input, value, err)
			}
		}
	}
	for input, value := range map[string]string{"args": "--ssh\n--shields-up", "tags": "tag:a,\n\ttag:b", "id-token-body": "a\x01b", "statedir": "نام\u200cها", "hostname": "ü"} {
		if err := newParser(t).args("--"+input, value); err != nil {
			t.Errorf("%s %q: %v", input, value, err)
		}
	}
}

func (p parser) args(args ...string) error { return p.flags(args) }

func TestParse_saysWhichFormIsWanted(t *testing.T) {
	for flag, want := range map[string]string{
		"--timeout=soon": "must be a duration such as 90s, 2m or 1m30s", "--use-cache=1": "must be true or false", "--accept-dns=yes": "must be true or false",
		"--network=kernel": "must be one of auto, tun, userspace", "--retry=0": "must be a whole number of 1 or more", "--authkey=file:/no/such/file": "no such file",
	} {
		p := diag.As(newParser(t).args(flag))
		if !p.Input || !strings.Contains(p.Text(), want) {
			t.Errorf("%s: %s", flag, p.Text())
		}
	}
	if p := diag.As(newParser(t).args("--authkey=file:/no/such/secret-file")); !strings.Contains(p.Summary, "(a secret)") {
		t.Errorf("%s", p.Text())
	}
}

// A value with quotes inside may mean them.
func TestParse_keepsQuotesThatMayBeMeant(t *testing.T) {
	for value, want := range map[string]string{
		`--hostname="a b"`: `--hostname="a b"`, `"--ssh" "--shields-up"`: `"--ssh" "--shields-up"`, `'--ssh'`: "--ssh", `"`: `"`, `"a'`: `"a'`, `""`: "",
	} {
		if got := trimFor("args", value); got != want {
			t.Errorf("%s became %s, want %s", value, got, want)
		}
	}
}
