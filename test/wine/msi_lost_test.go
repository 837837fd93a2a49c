//go:build linux

package wine

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestMSI_ofAJoinThatWasKilled_isUninstalled(t *testing.T) {
	t.Parallel()
	w := newInstalling(t)
	w.serve(msi{signer: "Tailscale Inc."}.make(t))
	w.delay("register", 2*time.Second)
	join := w.tailjoin("join")
	if err := join.Start(); err != nil {
		t.Fatal(err)
	}
	w.mustAsk("register")
	join.Process.Kill()
	join.Wait()
	w.mustLeave()
	w.wantInstalled(false)
	w.wantNothingLeft()
}

// A later step removed the session, and its node's daemon is a service that nothing in it names.
func TestMSI_whoseSessionAStepRemoved_isUninstalled(t *testing.T) {
	t.Parallel()
	w := newInstalling(t)
	w.serve(msi{signer: "Tailscale Inc."}.make(t))
	w.mustJoin()
	w.removeAll(w.session)
	wantWords(t, w.run("leave"), "the Tailscale that was installed for it was found and uninstalled")
	w.wantInstalled(false)
	w.wantNothingLeft()
}

// A job ended without a leave, and the runner removed its files: the next join on the machine finds what it installed.
func TestMSI_thatNoLeaveUninstalled_isUninstalledByTheNextJoin(t *testing.T) {
	t.Parallel()
	w := newInstalling(t)
	w.serve(msi{signer: "Tailscale Inc."}.make(t))
	first := w.mustJoin()
	w.removeAll(w.session)
	w.session += "-of-the-next-job"
	w.vars["TAILJOIN_SESSION"] = w.session
	w.write(w.temp+`\output`, "")
	got := w.run("join")
	wantWords(t, got, "uninstalling the Tailscale of an earlier join")
	if second := w.outputs(); got.status != 0 || second["network"] != "tun" || second["node-id"] == first["node-id"] {
		t.Errorf("join ended with %d, outputs %v\n%s", got.status, second, got.words)
	}
	w.mustLeave()
	w.wantInstalled(false)
}

// The join is killed while Windows installs, or is about to.
func TestMSI_whileItWasInstalled_isUninstalled(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script string
		client bool // msiexec is killed too
	}{
		"before Windows began":           {"late\n", false},
		"while Windows installs":         {"slow\n", false},
		"and msiexec was killed with it": {"slow\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newInstalling(t)
			w.serve(msi{signer: "Tailscale Inc."}.make(t))
			w.write(`C:\msiexec.txt`, tt.script)
			join := w.tailjoin("join")
			if err := join.Start(); err != nil {
				t.Fatal(err)
			}
			w.mustBeInstalling()
			join.Process.Kill()
			join.Wait()
			if tt.client {
				w.kill(`system32\msiexec.exe`)
			}
			w.mustLeaveOnce(func() { w.write(`C:\go-on`, "") })
			w.wantInstalled(false)
			w.wantNothingLeft()
		})
	}
}

// mustBeInstalling waits until an msiexec that is late, or Windows that is slow, waits.
func (w *world) mustBeInstalling() {
	w.t.Helper()
	w.wait("the installation", func() bool { _, err := os.Stat(w.File(`C:\waiting`)); return err == nil })
}

// mustLeaveOnce leaves, and does something while the leave waits for it.
func (w *world) mustLeaveOnce(do func()) {
	w.t.Helper()
	said, err := os.CreateTemp(w.t.TempDir(), "words")
	if err != nil {
		w.t.Fatal(err)
	}
	defer said.Close()
	leave := w.tailjoin("leave")
	leave.Stdout, leave.Stderr = said, said
	if err := leave.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- leave.Wait() }()
	words := func() string {
		content, _ := os.ReadFile(said.Name())
		return string(content)
	}
	w.wait("the leave to uninstall", func() bool { return strings.Contains(words(), "removing what Tailscale's installer did") })
	select {
	case err := <-ended:
		w.t.Errorf("the leave did not wait: %v", err)
		ended <- err
	case <-time.After(time.Second): // it waits
	}
	do()
	if err := <-ended; err != nil || strings.Contains(words(), "::warning") {
		w.t.Errorf("leave: %v\n%s", err, words())
	}
}

// Of two joins at once one has the interface. The other says why it has none, and leaves it alone.
func TestMSI_ofTwoJoinsAtOnce_isOnesAlone(t *testing.T) {
	t.Parallel()
	w := newInstalling(t)
	w.serve(msi{signer: "Tailscale Inc."}.make(t))
	w.write(`C:\msiexec.txt`, "slow\n")
	first := w.tailjoin("join")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	w.mustBeInstalling()
	second := w.temp + `\second`
	wantWords(t, w.run("join", "--session", second), "cannot have a network interface here", "another join on this machine", w.session)
	w.write(`C:\go-on`, "")
	if err := first.Wait(); err != nil {
		t.Errorf("the first join: %v", err)
	}
	wantWords(t, w.run("leave", "--session", second), "nothing to leave")
	w.wantInstalled(true)
	w.mustLeave()
	w.wantInstalled(false)
	w.wantNothingLeft()
}
