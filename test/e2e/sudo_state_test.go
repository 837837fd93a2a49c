//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// A cache step of the job's user has to be able to save the state.
func TestLeave_stateKeptBySudo_belongsToTheUser(t *testing.T) {
	needSudo(t)
	w := newWorld(t, localtailnet.Options{})
	w.giveToRunner()
	w.under = asRunner
	kept := filepath.Join(w.dir, "kept")
	if out := w.mustJoin("--statedir=" + kept); out["network"] != "tun" {
		t.Fatalf("network %s, want tun", out["network"])
	}
	w.mustLeave()
	w.wantNothingLeft()
	files := 0
	err := filepath.WalkDir(kept, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Uid != runner {
			t.Errorf("%s belongs to %d", path, info.Sys().(*syscall.Stat_t).Uid)
		}
		files++
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("%d files were kept: %v", files, err)
	}
}

// A full tailscaled makes such directories for ssh, Taildrop and profiles.
func TestLeave_directoriesOfRootsDaemonInTheSession_areRemoved(t *testing.T) {
	needSudo(t)
	w := newWorld(t, localtailnet.Options{})
	w.giveToRunner()
	w.under = asRunner
	w.mustJoin()
	ssh := filepath.Join(w.session, "state", "ssh")
	as := exec.Command(asRunner[0], append(asRunner[1:], "sudo", "-n", "sh", "-c", `umask 077; mkdir "$0" && echo key >"$0/ssh_host_ed25519_key"`, ssh)...)
	if out, err := as.CombinedOutput(); err != nil {
		t.Fatalf("making what a full daemon makes: %v\n%s", err, strings.TrimSpace(string(out)))
	}
	w.mustLeave()
	w.wantNothingLeft()
}
