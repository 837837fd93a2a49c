package join

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const product = "{01234567-89AB-CDEF-0123-456789ABCDEF}"

// msiexec is a program in place of Windows' installer: it writes down its words, and ends with a status.
func msiexec(t *testing.T, status string) (ran func() string) {
	t.Helper()
	dir := t.TempDir()
	words := filepath.Join(dir, "words")
	script := "#!/bin/sh\necho \"$*\" >>" + words + "\nexit " + status + "\n"
	if err := os.WriteFile(filepath.Join(dir, "msiexec.exe"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		content, _ := os.ReadFile(words)
		return string(content)
	}
}

// A join that was killed while the installer ran has noted the product, and nothing of a daemon.
func TestLeave_uninstallsWhatTheJoinInstalled(t *testing.T) {
	ran := msiexec(t, "0")
	dir := recorded(t, func(r *record) { r.Product = product })
	left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, quietDeps())
	if !left || err != nil || exist(t, dir) {
		t.Errorf("left %t, %v; the session is there: %t", left, err, exist(t, dir))
	}
	if got := ran(); !strings.HasPrefix(got, "/x "+product+" /quiet /norestart ") || strings.Count(got, "\n") != 1 {
		t.Errorf("msiexec was run with %q", got)
	}
}

func TestLeave_thatCannotUninstall_keepsTheSession(t *testing.T) {
	ran := msiexec(t, "67")
	dir := recorded(t, func(r *record) { r.Product = product })
	for range 2 {
		left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, quietDeps())
		if !left || err == nil || !strings.Contains(err.Error(), "exit status 67") || !exist(t, filepath.Join(dir, fileName)) {
			t.Errorf("left %t, %v", left, err)
		}
	}
	if got := strings.Count(ran(), "\n"); got != 2 {
		t.Errorf("msiexec was run %d times, want once in each leave", got)
	}
}

func TestLeave_withoutAProduct_uninstallsNothing(t *testing.T) {
	ran := msiexec(t, "0")
	if _, err := Leave(t.Context(), LeaveRequest{Dir: recorded(t, func(r *record) { r.Daemon.TUN = true })}, quietDeps()); err != nil {
		t.Error(err)
	}
	if got := ran(); got != "" {
		t.Errorf("msiexec was run with %q", got)
	}
}

// The record of the session is what a leave finds after a kill.
func TestJoining_notesTheProduct(t *testing.T) {
	j := &joining{session: mustSession(t)}
	for _, want := range []string{product, ""} {
		if err := j.noteProduct(want); err != nil {
			t.Fatal(err)
		}
		s, err := readSession(j.session.dir)
		if err != nil || s.Product != want {
			t.Errorf("got %+v, %v, want product %q", s, err, want)
		}
	}
}
