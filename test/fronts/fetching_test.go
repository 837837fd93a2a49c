//go:build linux

package fronts

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
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tailjoin/tailjoin/internal/requestlog"
)

// These tests run scripts/fetch.sh as a release has it, against a server with files that are only there to be fetched.

const platform = runtime.GOOS + "-" + runtime.GOARCH

const program = "tailjoin-" + platform

// assets are what is fetched on this machine, in order.
var assets = []string{"SHA256SUMS", program, "tailscaled-" + platform + ".zst", "tailscaled.spans", "tailscaled.version"}

// A fetching is one machine's, from a release that is served.
type fetching struct {
	*httptest.Server
	home, temp string
	env        map[string]string
	shell      string
	path, dir  string // of the machine, and the working directory
	around     string // the script, with %s for the text; "" runs it alone

	release, sums string // what the text says
	files         map[string]string
	served        map[string]string
	hangs         string        // the file that is served without end
	hanging       chan struct{} // closed when it is asked for

	mu       sync.Mutex // of served
	requests requestlog.Log
}

func newFetching(t *testing.T) *fetching {
	t.Helper()
	f := &fetching{
		home: t.TempDir(), temp: t.TempDir(), shell: "sh", path: os.Getenv("PATH"),
		files: map[string]string{}, served: map[string]string{}, hanging: make(chan struct{}),
	}
	f.env = map[string]string{"HOME": f.home, "TMPDIR": f.temp}
	for _, name := range assets[1:] {
		f.files[name] = "this is " + name
		f.files["SHA256SUMS"] += sum(f.files[name]) + "  " + name + "\n"
	}
	for name, text := range f.files {
		f.serve(name, text)
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	f.release, f.sums = f.URL+"/v1.2.3", sum(f.files["SHA256SUMS"])
	return f
}

// pack has the release carry content, packed by gzip, for the program.
func (f *fetching) pack(t *testing.T, content string) {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(content))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	name := program + ".gz"
	f.files[name] = packed.String()
	f.files["SHA256SUMS"] += sum(f.files[name]) + "  " + name + "\n"
	f.serve(name, f.files[name])
	f.serve("SHA256SUMS", f.files["SHA256SUMS"])
	f.sums = sum(f.files["SHA256SUMS"])
}

// serve changes what the release has by that name.
func (f *fetching) serve(name, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served[name] = text
}

// drop takes a file out of the release.
func (f *fetching) drop(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.served, name)
}

func (f *fetching) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/v1.2.3/")
	f.requests.Add(name)
	f.mu.Lock()
	text, ok := f.served[name]
	f.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	if name == f.hangs {
		w.Header().Set("Content-Length", "1000000")
		w.Write([]byte(text))
		w.(http.Flusher).Flush()
		close(f.hanging)
		<-r.Context().Done()
		return
	}
	w.Write([]byte(text))
}

// script is the text as a release has it.
func (f *fetching) script(t *testing.T) string {
	t.Helper()
	text := readFile(t, filepath.Join(root, "scripts/fetch.sh"))
	text = replaceOnce(t, text, "release='' sums=''", "release='"+f.release+"' sums='"+f.sums+"'")
	if f.around == "" {
		return text
	}
	_, text, _ = strings.Cut(text, "# <fetch>")
	text, _, _ = strings.Cut(text, "# </fetch>")
	return fmt.Sprintf("set -e\n"+f.around, "# "+text)
}

func (f *fetching) command(t *testing.T) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fetch.sh")
	writeFile(t, file, f.script(t))
	cmd := exec.CommandContext(t.Context(), filepath.Join(firstOf(f.path, f.shell)), file)
	cmd.Dir = f.dir
	cmd.Env = []string{"PATH=" + f.path}
	for name, value := range f.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

func (f *fetching) run(t *testing.T) (string, int) {
	t.Helper()
	cmd := f.command(t)
	out, err := cmd.CombinedOutput()
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		t.Fatalf("running fetch.sh: %v", err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (f *fetching) want(t *testing.T, status int, want string) {
	t.Helper()
	if got, exit := f.run(t); got != want || exit != status {
		t.Errorf("got exit status %d and\n%s\nwant %d and\n%s", exit, got, status, want)
	}
}

// fetched is what is said of files that are fetched.
func (f *fetching) fetched(names ...string) (said string) {
	for _, name := range names {
		said += "fetching " + f.release + "/" + name + "\n"
	}
	return said
}

// temporary is where the files are when no cache can be.
func (f *fetching) temporary() string {
	return filepath.Join(f.temp, fmt.Sprintf("tailjoin-%s-%d", f.sums, os.Getuid()))
}

// wantNothingUnverified fails the test for a file that is not as the release has it.
func (f *fetching) wantNothingUnverified(t *testing.T) {
	t.Helper()
	for name, text := range contents(t, filepath.Join(f.home, ".cache", "tailjoin", "fetched-"+f.sums)) {
		if f.files[name] != text {
			t.Errorf("%s is left, with %q", name, text)
		}
	}
}

func sum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// contents are the files of a directory; an odd one out is there with what it is.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, e := range entries {
		texts[e.Name()] = e.Type().String()
		if e.Type().IsRegular() {
			texts[e.Name()] = readFile(t, filepath.Join(dir, e.Name()))
		}
	}
	return texts
}

// toolbox is a PATH with what every image has, and the given tools.
func toolbox(t *testing.T, tools ...string) string {
	t.Helper()
	dir := t.TempDir()
	everywhere := []string{"cat", "chmod", "cut", "id", "ls", "mkdir", "mktemp", "mv", "rm", "sha256sum", "uname"}
	for _, tool := range slices.Concat(everywhere, tools) {
		if tool != "" {
			link(t, firstOf(os.Getenv("PATH"), tool), filepath.Join(dir, tool))
		}
	}
	return dir
}

// busybox is a PATH with nothing but busybox.
func busybox(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("busybox is not installed (apt-get install busybox)")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), path, "--install", "-s", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func link(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Symlink(from, to); err != nil {
		t.Fatal(err)
	}
}

// firstOf is the first program of this name in the directories of a PATH.
func firstOf(path, name string) string {
	for _, dir := range filepath.SplitList(path) {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
	}
	return name
}

// readOnly is a directory in which nobody can write, not even root.
func readOnly(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, 0) })
	return dir
}
