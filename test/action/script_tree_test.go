//go:build linux

package action

import (
	"bytes"
	"compress/gzip"
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
	"github.com/tailjoin/tailjoin/internal/requestlog"
)

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
	requests requestlog.Log
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

// pack has the release carry content, packed by gzip, for the program.
func (r *releases) pack(t *testing.T, s *script, content string) {
	t.Helper()
	packed := gzipped(t, content)
	r.serve(asset+".gz", packed)
	s.put(t, "dist/SHA256SUMS", readFile(t, filepath.Join(s.dir, "dist/SHA256SUMS"))+sum(packed)+"  "+asset+".gz\n")
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(text))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

// serve changes an asset; an empty one is not there.
func (r *releases) serve(name, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.assets[name] = text
}

func (r *releases) get(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := strings.TrimPrefix(req.URL.Path, "/v1.2.3/")
	r.requests.Add(name)
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
