package cli

import (
	"flag"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/join"
)

// Proxies of an earlier join end with its daemon: this process must not speak
// to Tailscale's API by them.
func TestFront_setsProxiesOfAnEarlierJoinAside(t *testing.T) {
	vars := map[string]string{
		"TAILJOIN_HTTP_PROXY": "http://127.0.0.1:1", "TAILJOIN_SOCKS5_PROXY": "socks5h://127.0.0.1:1",
		"HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "socks5h://127.0.0.1:1", "HTTP_PROXY": "http://proxy.example:3128",
	}
	var environ []string
	for name, value := range vars {
		t.Setenv(name, value)
		environ = append(environ, name+"="+value)
	}
	f := newFront(Process{Environ: environ, Out: io.Discard, Err: io.Discard})
	for name, want := range map[string]string{"HTTPS_PROXY": "", "ALL_PROXY": "", "HTTP_PROXY": "http://proxy.example:3128"} {
		if got := os.Getenv(name); got != want || f.env(name) != want || want == "" && slices.Contains(f.daemonEnv(), name+"="+vars[name]) {
			t.Errorf("%s is %q for the process, %q for us, and the daemon has %v", name, got, f.env(name), f.daemonEnv())
		}
	}
}

func TestProxyVariables_keepWhatTheJobReachesItself(t *testing.T) {
	for theirs, want := range map[string]string{
		"":                              "localhost,127.0.0.1,::1",
		"db,cache":                      "localhost,127.0.0.1,::1,db,cache",
		"localhost,127.0.0.1,::1,db":    "localhost,127.0.0.1,::1,db",
		"localhost,127.0.0.1,::1":       "localhost,127.0.0.1,::1",
		"db,localhost,127.0.0.1,::1,db": "localhost,127.0.0.1,::1,db,localhost,127.0.0.1,::1,db",
	} {
		f := newFront(Process{Environ: []string{"no_proxy=" + theirs}, Out: io.Discard, Err: io.Discard})
		for _, v := range f.proxyVariables(join.Result{Proxy: "127.0.0.1:1"}) {
			if (v.name == "NO_PROXY" || v.name == "no_proxy") && v.value != want {
				t.Errorf("beside %q, %s is %q, want %q", theirs, v.name, v.value, want)
			}
		}
	}
}

// A later join must not take what an earlier one gave for what its user wants.
func TestOutputs_areNoInputs(t *testing.T) {
	taken := map[string]bool{}
	for _, name := range inputNames() {
		taken[ci.Variable(name)] = true
	}
	for _, o := range allOutputs() {
		if taken[ci.OutputVariable(o[0])] {
			t.Errorf("the output %s is in the variable of an input, %s", o[0], ci.OutputVariable(o[0]))
		}
	}
}

func inputNames() (names []string) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	new(inputs).join(fs)
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return append(names, "limit", "output", "id-token", "debug")
}
