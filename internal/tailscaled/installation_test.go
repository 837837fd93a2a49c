//go:build unix

package tailscaled

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// leaveNote is what another join left on the machine: its process has ended, unless it is named.
func (f *fakeInstaller) leaveNote(session string, join int) {
	f.t.Helper()
	note := installation{Session: session, Product: productOfMSI, Join: join, Program: "/no/such/program"}
	if join > 0 {
		note.Program = ProgramOf(join)
	}
	content, err := json.Marshal(note)
	must(f.t, err, os.Mkdir(f.notesDir, 0o700), os.WriteFile(filepath.Join(f.notesDir, noteName), content, 0o600))
}

// wantNoted fails unless the machine's note names this session. With "" it fails if the note or its directory exists.
func (f *fakeInstaller) wantNoted(session string) {
	f.t.Helper()
	note, err := f.installer().noted()
	got := ""
	if note != nil {
		got = note.Session
	}
	if err != nil || got != session {
		f.t.Errorf("noted for session %q, %v, want %q", got, err, session)
	}
	if _, err := os.Lstat(f.notesDir); session == "" && !errors.Is(err, fs.ErrNotExist) {
		f.t.Errorf("the directory of the note is left: %v", err)
	}
}

func TestFind_notesTheInstallationForTheMachine(t *testing.T) {
	f := newFakeInstaller(t)
	if _, err := f.install(Install{Interface: WantTUN}); err != nil {
		t.Fatal(err)
	}
	f.wantNoted(f.session)
	must(t, f.uninstall(productOfMSI))
	f.wantNoted("")
}

func TestFind_installsForOneJoinAtATime(t *testing.T) {
	running := startProcess(t)
	for name, tt := range map[string]struct {
		gone bool // the other session's directory
		join int
		runs []string
	}{
		"beside a session":                                {false, 0, nil},
		"beside a join that runs":                         {true, running, nil},
		"after a join that ended, whose session was lost": {true, 0, []string{"/x " + productOfMSI, installedBy}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeInstaller(t)
			other := filepath.Join(t.TempDir(), "other")
			if !tt.gone {
				must(t, os.Mkdir(other, 0o700))
			}
			f.leaveNote(other, tt.join)
			_, err := f.install(Install{Interface: WantTUN})
			wantList(t, "runs of msiexec", f.runs, tt.runs...)
			if tt.runs != nil {
				must(t, err)
				f.wantNoted(f.session)
				return
			}
			if refused, ok := errors.AsType[*NoInterfaceError](err); !ok || !strings.Contains(refused.Reason, "another join on this machine") || !strings.Contains(refused.Reason, other) {
				t.Errorf("got error %v", err)
			}
			wantList(t, "notes", f.notes)
			f.wantNoted(other)
		})
	}
}

// startProcess is a process that runs as long as the test.
func startProcess(t *testing.T) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

// The directory of the same path was removed, and made again by a later join.
func TestFind_clearsWhatItsOwnSessionLeft(t *testing.T) {
	f := newFakeInstaller(t)
	must(t, os.Mkdir(f.session, 0o700))
	f.leaveNote(f.session, 0)
	_, err := f.install(Install{Interface: WantTUN})
	must(t, err)
	wantList(t, "runs of msiexec", f.runs, "/x "+productOfMSI, installedBy)
}

func TestClaim_isGivenOnce(t *testing.T) {
	f := newFakeInstaller(t)
	must(t, f.installer().claim(f.session, productOfMSI))
	if err := f.installer().claim("/another/session", productOfMSI); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second claim: %v", err)
	}
	f.wantNoted(f.session)
	must(t, f.installer().release("/another/session"))
	f.wantNoted(f.session)
	must(t, f.installer().release(f.session))
	f.wantNoted("")
}

// Whoever can write there could have a join or a leave uninstall what it likes.
func TestNoted_believesNoOtherUser(t *testing.T) {
	f := newFakeInstaller(t)
	f.leaveNote(f.session, 0)
	must(t, os.Chmod(f.notesDir, 0o777))
	if note, err := f.installer().noted(); note != nil || err == nil || !strings.Contains(err.Error(), "other users have access") {
		t.Errorf("noted %+v, %v", note, err)
	}
	if _, err := f.install(Install{Interface: WantTUN}); err == nil || !strings.Contains(err.Error(), "other users have access") {
		t.Errorf("a join: %v", err)
	}
	if err := f.uninstall(productOfMSI); err == nil {
		t.Error("a leave uninstalled")
	}
	wantList(t, "runs of msiexec", f.runs)
}

func TestUninstall_leavesAnotherSessionsAlone(t *testing.T) {
	f := newFakeInstaller(t)
	f.leaveNote("/another/session", 0)
	must(t, f.uninstall(productOfMSI))
	wantList(t, "runs of msiexec", f.runs)
	f.wantNoted("/another/session")
}

func TestUninstall_thatFailed_keepsTheNote(t *testing.T) {
	f := newFakeInstaller(t)
	f.leaveNote(f.session, 0)
	f.statuses = []int{1603}
	if err := f.uninstall(productOfMSI); err == nil {
		t.Error("msiexec failed, and nothing was said of it")
	}
	f.wantNoted(f.session)
}

// The join was killed, and msiexec, which it had started, installs on.
func TestUninstall_waitsForTheInstallation(t *testing.T) {
	f := newFakeInstaller(t)
	f.leaveNote(f.session, 0)
	const length = 300 * time.Millisecond
	began := time.Now()
	cmd := exec.Command("sleep", fmt.Sprint(length.Seconds()))
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	f.installing = []int{cmd.Process.Pid}
	must(t, f.uninstall(productOfMSI))
	if took := time.Since(began); took < length {
		t.Errorf("it did not wait for the installation, of %v: it took %v", length, took)
	}
	<-ended
	wantList(t, "runs of msiexec", f.runs, "/x "+productOfMSI)
}
