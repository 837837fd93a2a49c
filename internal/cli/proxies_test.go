package cli

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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

// The machine's proxy is the only way out; tailscaled's knows the tailnet alone.
func TestProxyVariables_keepTheMachinesProxy(t *testing.T) {
	for _, name := range standardProxies {
		var words bytes.Buffer
		f := newFront(Process{Environ: []string{name + "=http://proxy.example:3128", "NO_PROXY=.corp"}, Out: &words, Err: &words})
		joined := join.Result{Proxy: "127.0.0.1:1"}
		f.warnOfMachineProxy(joined)
		want := []variable{{"TAILJOIN_SOCKS5_PROXY", "socks5h://127.0.0.1:1"}, {"TAILJOIN_HTTP_PROXY", "http://127.0.0.1:1"}}
		if got := f.proxyVariables(joined); !slices.Equal(got, want) {
			t.Errorf("with %s: %v, want %v", name, got, want)
		}
		if !strings.Contains(words.String(), name+" names a proxy of this machine, which is kept") || !strings.Contains(words.String(), "TAILJOIN_HTTP_PROXY") {
			t.Errorf("with %s: %q", name, &words)
		}
	}
	for _, none := range []join.Result{{}, {Proxy: "127.0.0.1:1"}} {
		var words bytes.Buffer
		newFront(Process{Environ: []string{"NO_PROXY=.corp"}, Out: &words, Err: &words}).warnOfMachineProxy(none)
		if words.Len() > 0 {
			t.Errorf("%v: %q", none, &words)
		}
	}
}

// A tellers is a platform by which one step sets variables for the next, and
// how that reads what was said.
var tellers = map[string]struct {
	vars  map[string]string
	reads func(t *testing.T, dir, said string) []variable
}{
	"github": {map[string]string{"GITHUB_ACTIONS": "true"}, func(t *testing.T, dir, _ string) (all []variable) {
		for _, m := range regexp.MustCompile(`(?m)^(\w+)<<(\S+)\n(.*)\n\S+$`).FindAllStringSubmatch(taken(t, dir), -1) {
			all = append(all, variable{m[1], m[3]})
		}
		return all
	}},
	"azure": {map[string]string{"TF_BUILD": "True"}, func(t *testing.T, _, said string) (all []variable) {
		for _, m := range regexp.MustCompile(`(?m)^##vso\[task.setvariable variable=(\w+)\](.*)$`).FindAllStringSubmatch(said, -1) {
			all = append(all, variable{m[1], m[2]})
		}
		return all
	}},
	"circleci": {map[string]string{"CIRCLECI": "true"}, func(t *testing.T, dir, _ string) (all []variable) {
		for _, m := range regexp.MustCompile(`(?m)^export (\w+)='(.*)'$`).FindAllStringSubmatch(taken(t, dir), -1) {
			all = append(all, variable{m[1], m[2]})
		}
		return all
	}},
}

// taken is what a command file holds, which the platform then empties.
func taken(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "env"))
	if err == nil {
		err = os.Remove(filepath.Join(dir, "env"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestLeave_putsBackTheVariablesOfTheMachine(t *testing.T) {
	for platform, teller := range tellers {
		for name, machine := range map[string]map[string]string{
			"nothing":           {},
			"no proxy":          {"NO_PROXY": ".corp,10.0.0.0/8"},
			"in lower case":     {"no_proxy": ".corp"},
			"both":              {"NO_PROXY": ".corp", "no_proxy": "localhost,127.0.0.1,::1"},
			"what we would set": {"NO_PROXY": "localhost,127.0.0.1,::1"},
			"proxies":           {"HTTP_PROXY": "http://p.example:3128", "https_proxy": "http://p.example:3128", "NO_PROXY": ".corp"},
		} {
			t.Run(platform+", "+name, func(t *testing.T) {
				dir := t.TempDir()
				env := map[string]string{"GITHUB_ENV": filepath.Join(dir, "env"), "BASH_ENV": filepath.Join(dir, "env")}
				maps.Copy(env, teller.vars)
				maps.Copy(env, machine)
				step := func(run func(*front) error) {
					t.Helper()
					var environ []string
					for name, value := range env {
						environ = append(environ, name+"="+value)
					}
					var said bytes.Buffer
					f := newFront(Process{Environ: environ, Out: &said, Err: &said})
					if err := run(f); err != nil {
						t.Fatal(err)
					}
					f.flush()
					for _, v := range teller.reads(t, dir, said.String()) {
						env[v.name] = v.value
					}
				}
				in := &inputs{proxyEnv: true, envFile: map[string]string{"circleci": filepath.Join(dir, "env")}[platform]}
				for range 2 { // a second join in the job begins from what the machine had, too
					step(func(f *front) error {
						return errors.Join(f.openEnvFile(in), f.tellProxies(in, join.Result{Proxy: "127.0.0.1:1"}))
					})
				}
				if machine["HTTP_PROXY"] == "" && (env["http_proxy"] != "http://127.0.0.1:1" || !strings.HasPrefix(env["no_proxy"], local)) {
					t.Fatalf("the join set nothing: %v", env)
				}
				if machine["HTTP_PROXY"] != "" { // nothing was changed
					return
				}
				step(func(f *front) error { return f.endProxies(in) })
				for _, name := range append(slices.Clone(standardProxies), "NO_PROXY", "no_proxy", "TAILJOIN_HTTP_PROXY", "TAILJOIN_NO_PROXY", "TAILJOIN_PREVIOUS_NO_PROXY") {
					if env[name] != machine[name] {
						t.Errorf("after the leave %s is %q, and was %q", name, env[name], machine[name])
					}
				}
			})
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
