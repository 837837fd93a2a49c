//go:build linux

package action

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/requestlog"
)

// node/action.yml is the action for runners that do not know `uses: $/…`. What it has of action.yml is generated; its two
// scripts must be there, by the names that the runner looks for.
func TestNode_namesScriptsThatAreThere(t *testing.T) {
	text := readFile(t, filepath.Join(root, "node/action.yml"))
	for _, key := range []string{"main", "post"} {
		found := regexp.MustCompile(`(?m)^  ` + key + `: (\S+)$`).FindStringSubmatch(text)
		if found == nil {
			t.Errorf("node/action.yml has no %s", key)
			continue
		}
		if _, err := os.Stat(filepath.Join(root, "node", found[1])); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(text, "\n  using: node20\n") || !strings.Contains(text, "\n  post-if: always()\n") {
		t.Error("node/action.yml does not run on node20, or not always leaves")
	}
	if regexp.MustCompile(`uses:|composite|value:|\$\{\{`).MatchString(afterComment(text)) {
		t.Error("node/action.yml has what is for a composite action")
	}
}

// afterComment is the text of a file without its first line.
func afterComment(text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	return rest
}

// mapped are the variables that the join step of action.yml is given.
var mapped = regexp.MustCompile(`(?m)^        (TAILJOIN_[A-Z0-9_]+): \$\{\{ inputs\.(\S+) \}\}$`)

// A join has the same variables whether action.yml or node/action.yml runs it: each input, also the empty ones, and neither
// the runner's names of them nor state.
func TestNode_givesJoinWhatTheCompositeGives(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	for path := range texts(t, "post/*", "node/*") {
		copyFile(t, filepath.Join(root, path), filepath.Join(dir, path))
	}
	seen, state := filepath.Join(temp, "seen"), filepath.Join(temp, "state")
	writeFile(t, filepath.Join(dir, "scripts/run.sh"), `cat /proc/$$/environ >`+seen+`; echo "$@"`)

	want := map[string]string{}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "RUNNER_TEMP=" + temp, "GITHUB_STATE=" + state, "GITHUB_ACTION_PATH=/an/action/around/it",
		"STATE_root=/evil", "INPUT_OTHER=x", "TAILJOIN_TAGS=tag:of-the-workflow",
	}
	for i, m := range mapped.FindAllStringSubmatch(readFile(t, filepath.Join(root, "action.yml")), -1) {
		value := "value of " + m[2]
		if i%7 == 0 {
			value = ""
		}
		want[m[1]] = value
		env = append(env, "INPUT_"+strings.ToUpper(m[2])+"="+value)
	}
	out, exit := runNode(t, filepath.Join(dir, "node/main.js"), env...)
	if exit != 0 {
		t.Fatalf("exit status %d: %s", exit, out)
	}
	states := (&files{}).read(t, state)
	want["TAILJOIN_SESSION"] = states["session"]
	got := map[string]string{}
	for _, entry := range strings.Split(strings.TrimRight(readFile(t, seen), "\x00"), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		if regexp.MustCompile(`^(TAILJOIN|INPUT|STATE)_`).MatchString(name) {
			got[name] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 40 {
		t.Errorf("variables of join, of %d (-want +got):\n%s", len(want), diff)
	}
	if want := "join --session " + states["session"] + "\n"; out != want {
		t.Errorf("run.sh got %q, want %q", out, want)
	}
	if states["root"] != dir {
		t.Errorf("the root is %s, want %s", states["root"], dir)
	}
}

func TestNode_endsAsJoinEnds(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	for path := range texts(t, "post/*", "node/*") {
		copyFile(t, filepath.Join(root, path), filepath.Join(dir, path))
	}
	writeFile(t, filepath.Join(dir, "scripts/run.sh"), "exit 9")
	state := "GITHUB_STATE=" + filepath.Join(temp, "state")
	if out, exit := runNode(t, filepath.Join(dir, "node/main.js"), "RUNNER_TEMP="+temp, state); exit != 9 {
		t.Errorf("got exit status %d and %q, want 9", exit, out)
	}
	out, exit := runNode(t, filepath.Join(dir, "node/main.js"), "RUNNER_TEMP=/no/such/directory", state)
	if exit != 1 || !strings.HasPrefix(out, "::error title=tailjoin::the join was not started: ") {
		t.Errorf("got exit status %d and %q, want 1 and an error", exit, out)
	}
}

// The runner cancels a step by a signal to its process, and at last kills it. act kills at once, so this runs the step and its
// post step as the runner does.
func TestNodeReal_leavesWhenCancelledInJoin(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	for name, signal := range map[string]os.Signal{"by a signal": os.Interrupt, "killed": os.Kill} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			temp := shortDir(t)
			env := []string{
				"PATH=" + os.Getenv("PATH"), "HOME=" + temp, "GITHUB_ACTIONS=true", "RUNNER_OS=Linux", "RUNNER_TEMP=" + temp,
				"GITHUB_STATE=" + filepath.Join(temp, "state"), "GITHUB_OUTPUT=" + filepath.Join(temp, "output"),
				"INPUT_OAUTH-CLIENT-ID=" + client, "INPUT_TAGS=tag:ci", "INPUT_LOGIN-SERVER=" + w.ControlURL, "INPUT_NETWORK=userspace",
			}
			for name, value := range w.env() {
				env = append(env, name+"="+value)
			}
			met := w.hit(fault{localtailnet.OpRegister, hang})
			log, err := os.Create(filepath.Join(temp, "log")) // a file: a join that outlives node holds no pipe of it
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			main := exec.CommandContext(t.Context(), nodeProgram(t), filepath.Join(ours.dir, "node/main.js"))
			main.Env, main.Stdout, main.Stderr = env, log, log
			if err := main.Start(); err != nil {
				t.Fatal(err)
			}
			<-met
			main.Process.Signal(signal)
			if main.Wait() == nil {
				t.Error("a cancelled join ended with 0")
			}

			states := (&files{}).read(t, filepath.Join(temp, "state"))
			for name, value := range states {
				env = append(env, "STATE_"+name+"="+value)
			}
			out, exit := runNode(t, filepath.Join(ours.dir, "post/post.js"), env...)
			if exit != 0 {
				t.Errorf("post.js: exit status %d", exit)
			}
			w.wantNothingLeft(result{})
			if _, err := os.Lstat(states["session"]); !os.IsNotExist(err) {
				t.Error("the session directory is left")
			}
			if t.Failed() {
				t.Log(readFile(t, log.Name()), out)
			}
		})
	}
}

// A GitHub Enterprise Server is another host, and has its own API. Nothing of a job there goes to GitHub's own hosts: whatever
// is asked for that is not on this machine comes to the proxy.
func TestNodeRealAct_onAnEnterpriseServer(t *testing.T) {
	ours := releaseOf(t, program("dist")).node()
	w := newWorld(t)
	proxy := newAskedHosts(t)
	env := w.env()
	maps.Copy(env, map[string]string{
		"HTTPS_PROXY": proxy.URL, "HTTP_PROXY": proxy.URL, "NO_PROXY": "127.0.0.1,localhost",
		"GITHUB_TOKEN": "ghs_of_the_job",
	})
	got := job{
		steps: []string{
			runs(`echo "this is $GITHUB_SERVER_URL and $GITHUB_API_URL"`),
			uses("tailnet", ours, w.with()),
			runs(useTailnet),
			runs("tailjoin doctor --oauth-client-id " + client + " --tags tag:ci --login-server " + w.ControlURL + " || true"),
		},
		actions: []action{ours},
		env:     env,
		server:  "ghes.example",
	}.run(t)

	for _, want := range []string{"this is https://ghes.example and https://ghes.example/api/v3", "joined as github-act-", "left the tailnet"} {
		if !strings.Contains(got.log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if hosts := proxy.hosts.All(); got.exit != 0 || len(hosts) > 0 {
		t.Errorf("act's exit status: got %d, want 0; asked for: %v", got.exit, hosts)
	}
	w.wantNothingLeft(got)
	if t.Failed() {
		t.Log(got.log)
	}
}

// askedHosts is a proxy that lets nothing through, and keeps what it was asked for.
type askedHosts struct {
	*httptest.Server
	hosts requestlog.Log
}

func newAskedHosts(t *testing.T) *askedHosts {
	t.Helper()
	a := &askedHosts{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.hosts.Add(r.Host)
		http.Error(w, "no way out", http.StatusForbidden)
	}))
	t.Cleanup(a.Close)
	return a
}
