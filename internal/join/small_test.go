//go:build linux

package join

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

func TestCalling_namesTheInputForWhatTheSmallBuildLacks(t *testing.T) {
	daemon, err := build.Daemon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cli := filepath.Join(filepath.Dir(daemon), "tailscale")
	for _, command := range notInSmall {
		if said, err := exec.Command(cli, command, "--help").CombinedOutput(); err == nil || !strings.Contains(string(said), "unknown subcommand") {
			t.Errorf("the small build has %q: %v\n%s", command, err, said)
		}
		said, err := exec.Command("sh", "-c", calling(cli, false), "tailscale", command, "x").CombinedOutput()
		if err == nil || !strings.Contains(string(said), command) || !strings.Contains(string(said), "install: download") {
			t.Errorf("%s: %v\n%s", command, err, said)
		}
	}
}

func TestCalling_handsOnEveryWord(t *testing.T) {
	program := filepath.Join(t.TempDir(), "it's a program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nprintf '<%s>' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for full, first := range map[bool]string{true: "serve", false: "status"} {
		said, err := exec.Command("sh", "-c", calling(program, full, "--socket=a b"), "tailscale", first, "", "a  b", "*").CombinedOutput()
		if want := "<--socket=a b><" + first + "><><a  b><*>"; string(said) != want || err != nil {
			t.Errorf("got %q, %v, want %q", said, err, want)
		}
	}
}
