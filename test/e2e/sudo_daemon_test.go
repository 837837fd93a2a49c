//go:build linux

package e2e

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// A daemon that root starts writes its log for the job's user too, who is the
// one to read why it ended.
func TestJoin_daemonThatEndsUnderSudo_isQuoted(t *testing.T) {
	needSudo(t)
	for arg, code := range map[string]string{
		"--network=tun":  "not-privileged",
		"--network=auto": "daemon-died", // tried again without an interface, and without sudo
	} {
		t.Run(arg, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			w.mustStandIn("[ \"$1\" = --cleanup ] && exit\necho \"tstun.New: operation not permitted\"\nexit 3\n")
			w.giveToRunner()
			got := w.runUnder(asRunner, "join", arg)
			if got.status != 1 || got.code() != code {
				t.Errorf("join ended with %d and %q, want 1 and %q:\n%s", got.status, got.code(), code, got.text())
			}
			wantWords(t, got, "tstun.New: operation not permitted")
			w.runUnder(asRunner, "leave")
			w.wantNothingLeft()
		})
	}
}
