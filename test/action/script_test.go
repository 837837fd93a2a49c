//go:build linux

package action

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// These tests run scripts/run.sh in trees of their own, whose "binary" is a script that says what it was run with.
// The platform is darwin/arm64 by its variables: run.sh believes them, as it must in a job.

const (
	asset  = "tailjoin-darwin-arm64"
	daemon = "tailscaled-darwin-arm64.zst"
	binary = "#!/bin/sh\necho \"ran $* bundle ${TAILJOIN_BUNDLE##*/}\"\n"
)

func TestRun_takesTheBinaryThatTheCommitCarries(t *testing.T) {
	s := newScript(t)
	s.put(t, "dist/"+asset, binary)
	s.want(t, "join", 0, "ran join bundle dist\n")
}

func TestRun_fetchesWhatTheCommitNames(t *testing.T) {
	for _, tool := range []string{"curl", "wget"} {
		t.Run(tool, func(t *testing.T) {
			s := newScript(t)
			s.env = append(s.env, "PATH="+toolbox(t, tool))
			r := s.release(t, binary)

			s.want(t, "join", 0, "fetching "+r.URL+"/v1.2.3/"+asset+"\nfetching "+r.URL+"/v1.2.3/"+daemon+"\nran join bundle dist\n")
			s.want(t, "leave", 0, "ran leave bundle dist\n")
			if got := readFile(t, filepath.Join(s.dir, "dist", daemon)); got != "the daemon" {
				t.Errorf("daemon in the bundle: got %q", got)
			}
		})
	}
}

func TestRun_fetchesFromAMirror(t *testing.T) {
	s := newScript(t)
	r := s.release(t, binary)
	s.put(t, "dist/release", "https://releases.invalid/v1.2.3\n")
	s.env = append(s.env, "TAILJOIN_RELEASES="+r.URL)
	s.want(t, "join", 0, "fetching "+r.URL+"/v1.2.3/"+asset+"\nfetching "+r.URL+"/v1.2.3/"+daemon+"\nran join bundle dist\n")
}

func TestRun_refusesAnotherFile(t *testing.T) {
	s := newScript(t)
	r := s.release(t, binary)
	r.serve(asset, "#!/bin/sh\necho stolen\n")

	out, exit := s.run(t, "join")
	if exit != 1 || !strings.Contains(out, asset+" from "+r.URL) || !strings.Contains(out, "is not the file that this commit names") {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
	s.wantFiles(t, "SHA256SUMS", "release")
}

func TestRun_saysWhenItCannotFetch(t *testing.T) {
	s := newScript(t)
	r := s.release(t, binary)
	r.serve(asset, "")

	out, exit := s.run(t, "join")
	if exit != 1 || !strings.Contains(out, "cannot fetch "+r.URL) || !strings.Contains(out, "TAILJOIN_RELEASES") {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
}

func TestRun_keepsWhatItFetchedForTheNextJob(t *testing.T) {
	cache := "RUNNER_TOOL_CACHE=" + t.TempDir()
	first := newScript(t)
	first.env = append(first.env, cache)
	r := first.release(t, binary)
	first.run(t, "join")

	next := first.again(t)
	next.want(t, "join", 0, "ran join bundle dist\n")
	if diff := cmp.Diff([]string{asset, daemon}, r.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestRun_doesNotTrustTheToolCache(t *testing.T) {
	cache := t.TempDir()
	first := newScript(t)
	first.env = append(first.env, "RUNNER_TOOL_CACHE="+cache)
	r := first.release(t, binary)
	first.run(t, "join")
	writeFile(t, filepath.Join(cache, "tailjoin", sum(binary)), "#!/bin/sh\necho stolen\n")

	next := first.again(t)
	next.want(t, "join", 0, "fetching "+r.URL+"/v1.2.3/"+asset+"\nran join bundle dist\n")
}

func TestRun_refusesAPlatformWithoutABuild(t *testing.T) {
	s := newScript(t)
	s.release(t, binary)
	s.env = append(s.env, "RUNNER_OS=Windows")
	s.want(t, "join", 1, "this release has no build for windows/arm64\n")
}

func TestRun_speaksToTheJobsLog(t *testing.T) {
	s := newScript(t)
	s.release(t, binary)
	s.env = append(s.env, "RUNNER_ARCH=S390X", "GITHUB_ACTIONS=true")
	s.want(t, "join", 1, "::error title=tailjoin::tailjoin has no build for S390X\n")
}

func TestRun_leavesWithoutABinaryWhenJoinNeverStarted(t *testing.T) {
	s := newScript(t)
	r := s.release(t, binary)
	session := filepath.Join(t.TempDir(), "session")
	mustMkdir(t, session)
	s.env = append(s.env, "TAILJOIN_SESSION="+session)

	s.want(t, "leave", 0, "nothing to leave: the join did not start\n")
	if len(r.requests) != 0 {
		t.Errorf("it fetched %v", r.requests)
	}
	if _, err := os.Stat(session); !os.IsNotExist(err) {
		t.Error("the session directory is left")
	}
}

func TestRun_fetchesToLeaveWhatWasJoined(t *testing.T) {
	s := newScript(t)
	s.release(t, binary)
	session := t.TempDir()
	writeFile(t, filepath.Join(session, "session.json"), "{}")
	s.env = append(s.env, "TAILJOIN_SESSION="+session)

	out, exit := s.run(t, "leave")
	if exit != 0 || !strings.HasSuffix(out, "ran leave bundle dist\n") {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
}

func TestRun_buildsTheSourcesOncePerState(t *testing.T) {
	s := newScript(t)
	s.sources(t)
	s.env = append(s.env, "PATH="+toolbox(t, "go"))
	build := "building --only darwin/arm64\n"

	s.want(t, "join", 0, build+"ran join\n")
	s.want(t, "join", 0, "ran join\n")
	s.put(t, "cmd/action/main.go", "package main // edited\n")
	s.want(t, "join", 0, build+"ran join\n")
	s.put(t, "cmd/action/main_test.go", "package main\n")
	s.want(t, "join", 0, "ran join\n")
}

func TestRun_saysWhatItNeedsToBuild(t *testing.T) {
	s := newScript(t)
	s.sources(t)
	s.env = append(s.env, "PATH="+toolbox(t))

	out, exit := s.run(t, "join")
	if exit != 1 || !strings.Contains(out, "actions/setup-go") {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
}

// A script is a tree with scripts/run.sh, and the environment to run it in.
type script struct {
	dir string
	env []string
}

func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{dir: t.TempDir(), env: []string{"PATH=" + os.Getenv("PATH"), "RUNNER_OS=macOS", "RUNNER_ARCH=ARM64"}}
	copyFile(t, filepath.Join(root, "scripts/run.sh"), filepath.Join(s.dir, "scripts/run.sh"))
	mustMkdir(t, filepath.Join(s.dir, "dist"))
	return s
}

// again is the same commit, fetched once more, in the next job.
func (s *script) again(t *testing.T) *script {
	t.Helper()
	next := newScript(t)
	next.env = s.env
	for _, name := range []string{"dist/SHA256SUMS", "dist/release"} {
		next.put(t, name, readFile(t, filepath.Join(s.dir, name)))
	}
	return next
}

func (s *script) put(t *testing.T, name, text string) {
	t.Helper()
	writeFile(t, filepath.Join(s.dir, name), text)
	if err := os.Chmod(filepath.Join(s.dir, name), 0o755); err != nil {
		t.Fatal(err)
	}
}

// sources makes the tree one that has nothing but sources, with a build that says it was run.
func (s *script) sources(t *testing.T) {
	t.Helper()
	for _, name := range []string{"cmd/action/main.go", "internal/cli/cli.go", "go.mod", "go.sum"} {
		s.put(t, name, "// "+name+"\n")
	}
	s.put(t, "scripts/build", `#!/bin/sh
echo "building $1 $2"
mkdir -p "$4"
printf '#!/bin/sh\necho ran $1\n' >"$4/`+asset+`"
chmod +x "$4/`+asset+`"
echo >"$4/SHA256SUMS"
`)
}

func (s *script) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(s.dir, "scripts/run.sh"), args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		t.Fatalf("running run.sh: %v", err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (s *script) want(t *testing.T, arg string, exit int, want string) {
	t.Helper()
	got, status := s.run(t, arg)
	if diff := cmp.Diff(want, got); diff != "" || status != exit {
		t.Errorf("run.sh %s: exit status %d, want %d; output (-want +got):\n%s", arg, status, exit, diff)
	}
}

func (s *script) wantFiles(t *testing.T, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, "dist"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files in dist (-want +got):\n%s", diff)
	}
}

// A releases serves assets, by name, as v1.2.3.
type releases struct {
	*httptest.Server
	mu       sync.Mutex
	assets   map[string]string
	requests []string
}

// release makes the tree that of a release commit which carries nothing for this platform, and serves what it names.
func (s *script) release(t *testing.T, binary string) *releases {
	t.Helper()
	r := &releases{assets: map[string]string{asset: binary, daemon: "the daemon"}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.get))
	t.Cleanup(r.Close)
	s.put(t, "dist/release", r.URL+"/v1.2.3\n")
	s.put(t, "dist/SHA256SUMS", fmt.Sprintf("%s  %s\n%s  %s\n%s  tailscaled-darwin-arm64\n", sum(binary), asset, sum("the daemon"), daemon, sum("unpacked")))
	return r
}

// serve changes an asset; an empty one is not there.
func (r *releases) serve(name, text string) { r.assets[name] = text }

func (r *releases) get(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := strings.TrimPrefix(req.URL.Path, "/v1.2.3/")
	r.requests = append(r.requests, name)
	if r.assets[name] == "" {
		http.NotFound(w, req)
		return
	}
	fmt.Fprint(w, r.assets[name])
}

func sum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// toolbox is a PATH with what every system has, and the given tools.
func toolbox(t *testing.T, tools ...string) string {
	t.Helper()
	dir := t.TempDir()
	everywhere := []string{"cat", "chmod", "cp", "cut", "find", "mkdir", "mv", "rm", "rmdir", "sha256sum", "sh", "sort", "uname", "xargs"}
	for _, tool := range slices.Concat(everywhere, tools) {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatalf("this test needs %s: %v", tool, err)
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
