package ci_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/ci"
)

func mustEnvFile(t *testing.T, job ci.Job, path string) ci.Job {
	t.Helper()
	job, err := job.WithEnvFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// Whatever a value holds, the shells that source the file read it back, and
// nothing else happens there.
func TestEnvFile_isReadBackByShells(t *testing.T) {
	values := map[string]string{
		"ipv4":    "100.64.0.1",
		"name":    `it's "quoted" \ and $HOME $(touch evil) ` + "`touch evil`" + ` '; touch evil; '`,
		"socket":  "",
		"tailnet": "ümlaut * ? [a] {b,c} ~ #!",
		"network": "userspace",
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "env")
	job := mustEnvFile(t, new(page).job(map[string]string{"GITLAB_CI": "true"}), path)
	for name, value := range values {
		if err := job.Output(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := job.Variable("HTTP_PROXY", "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	if err := job.Path("/it's $HOME"); err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"sh", "bash", "dash", "busybox"} {
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		words := []string{"-c", `. ./env; printf '%s\n' "$TAILJOIN_IPV4" "$TAILJOIN_NAME" "$TAILJOIN_SOCKET" "$TAILJOIN_TAILNET" "$TAILJOIN_NODE_NETWORK" "$HTTP_PROXY" "$PATH"`}
		if shell == "busybox" {
			words = append([]string{"sh"}, words...)
		}
		cmd := exec.Command(shell, words...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		want := []string{values["ipv4"], values["name"], values["socket"], values["tailnet"], values["network"], "http://127.0.0.1:1", "/it's $HOME:/usr/bin:/bin", ""}
		if d := cmp.Diff(want, strings.Split(string(out), "\n")); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", shell, err, d)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "evil")); err == nil {
		t.Error("a value was run")
	}
}

func TestEnvFile_isThisUsersAloneAndAddedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	job := mustEnvFile(t, new(page).job(nil), path)
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	os.WriteFile(path, []byte("export OTHER=1\n"), 0o600)
	if err := job.Output("ipv4", "1"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "export OTHER=1\nexport TAILJOIN_IPV4='1'\n" {
		t.Errorf("the file holds %q", got)
	}
}

func TestEnvFile_thatCannotBeWritten_isFoundOutAtOnce(t *testing.T) {
	if _, err := new(page).job(nil).WithEnvFile(filepath.Join(t.TempDir(), "no", "such", "directory")); err == nil {
		t.Error("no error")
	}
}
