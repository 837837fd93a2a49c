//go:build linux

package e2e

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// phases are the moments of a join at which it can be held: by a server that
// hangs, or by a peer that does not answer.
func phases() map[string]phase {
	hang := func(op string) phase {
		return phase{
			hold:    func(w *world) { w.fault(op, localtailnet.Fault{Hang: true}) },
			reached: func(w *world) bool { return len(w.events(op)) > 0 },
			release: func(w *world) { w.fault(op, localtailnet.Fault{}) },
		}
	}
	return map[string]phase{
		"id-token": hang(localtailnet.OpIDToken),
		"exchange": hang(localtailnet.OpExchange),
		"key":      hang(localtailnet.OpKeys),
		"control":  hang(localtailnet.OpControlKey),
		"register": hang(localtailnet.OpRegister),
		"map":      hang(localtailnet.OpMap),
		"ping": {
			hold:    func(w *world) { w.vars["TAILJOIN_PING"] = "not-there" },
			reached: func(w *world) bool { return len(w.Nodes()) > 0 && w.Nodes()[0].Online },
			release: func(*world) {},
		},
	}
}

type phase struct {
	hold    func(*world)
	reached func(*world) bool
	release func(*world)
}

func TestJoin_signalled_endsAtOnceAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, phase := range phases() {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(name+" "+sig.String(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
				phase.hold(w)
				join := w.begin("join", "--network=userspace")
				w.mustWait(func() bool { return phase.reached(w) })
				join.signal(sig)
				got := join.end(5 * time.Second)
				if got.status != 1 || got.code() != "cancelled" {
					t.Errorf("join ended with %d and %q, want 1 and cancelled:\n%s", got.status, got.code(), got.text())
				}
				if left := processesOf(w.session); len(left) > 0 {
					t.Errorf("processes are left: %v", left)
				}

				phase.release(w)
				w.run("leave")
				w.mustWait(func() bool { return len(w.jobNodes()) == 0 }) // control drops one that it never heard of again
				w.wantNothingLeft()
			})
		}
	}
}

func TestLeave_afterTheJoinWasKilled_undoesIt(t *testing.T) {
	t.Parallel()
	for name, phase := range phases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
			phase.hold(w)
			join := w.begin("join", "--network=userspace")
			w.mustWait(func() bool { return phase.reached(w) })
			join.signal(syscall.SIGKILL)
			join.end(5 * time.Second)
			phase.release(w)
			w.run("leave")
			w.mustWait(func() bool { return len(w.jobNodes()) == 0 })
			w.wantNothingLeft()
		})
	}
}

func TestLeave_whileTheJoinStillRuns_endsThat(t *testing.T) {
	t.Parallel()
	for name, phase := range phases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
			phase.hold(w)
			join := w.begin("join", "--network=userspace")
			w.mustWait(func() bool { return phase.reached(w) })
			began := time.Now()
			left := w.run("leave")

			if took := time.Since(began); left.status != 0 || took > longest {
				t.Errorf("leave ended after %v with %d:\n%s", took, left.status, left.words)
			}
			if got := join.end(time.Second); got.status == 0 {
				t.Errorf("join ended with %d:\n%s", got.status, got.text())
			}
			w.mustWait(func() bool { return len(w.jobNodes()) == 0 })
			w.wantNothingLeft()
		})
	}
}

func TestJoin_tun_signalled_leavesTheMachineAsItWas(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	w.leavesTheMachineAsItWas()
	w.mustPeer(localtailnet.PeerOptions{})
	join := w.begin("join", "--network=tun", "--wait-for=my-server:81")
	w.mustWait(func() bool { return len(w.jobNodes()) > 0 })
	join.signal(os.Interrupt)
	if got := join.end(5 * time.Second); got.code() != "cancelled" {
		t.Errorf("join ended with %d and %q:\n%s", got.status, got.code(), got.text())
	}
	w.wantNothingLeft()
}

// endBySignals sends SIGTERM until the process ends: the first signal may not
// have arrived yet when the second is sent, and then they count as one.
func (r *running) endBySignals(limit time.Duration) finished {
	r.t.Helper()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			r.cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ended:
				return
			}
		}
	}()
	return r.end(limit)
}

// killedBySignal is the exit status of a process that a signal ended.
const killedBySignal = -1

func TestLeave_signalledTwice_endsAtOnceAndCanBeRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
	w.mustJoin("--network=userspace")
	w.fault(localtailnet.OpRegister, localtailnet.Fault{Hang: true})
	before := len(w.events(localtailnet.OpRegister))
	leave := w.begin("leave")
	w.mustWait(func() bool { return len(w.events(localtailnet.OpRegister)) > before })
	if got := leave.endBySignals(2 * time.Second); got.status != killedBySignal {
		t.Errorf("leave ended with %d:\n%s", got.status, got.words)
	}
	w.fault(localtailnet.OpRegister, localtailnet.Fault{})
	w.mustLeave()
	w.mustWait(func() bool { return len(w.jobNodes()) == 0 })
	w.wantNothingLeft()
}

func TestLeave_signalledOnce_goesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	w.fault(localtailnet.OpRegister, localtailnet.Fault{Hang: true})
	before := len(w.events(localtailnet.OpRegister))
	leave := w.begin("leave")
	w.mustWait(func() bool { return len(w.events(localtailnet.OpRegister)) > before })
	leave.signal(syscall.SIGTERM)
	if got := leave.end(longest); got.status != 0 {
		t.Errorf("leave ended with %d:\n%s", got.status, got.words)
	}
	w.wantNothingLeft()
}

func TestJoin_signalledTwice_endsAtOnceAndCanBeLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
	w.fault(localtailnet.OpRegister, localtailnet.Fault{Hang: true})
	join := w.begin("join", "--network=userspace")
	w.mustWait(func() bool { return len(w.events(localtailnet.OpRegister)) > 0 })
	if got := join.endBySignals(time.Second); got.status != killedBySignal {
		t.Errorf("join ended with %d:\n%s", got.status, got.words)
	}
	w.fault(localtailnet.OpRegister, localtailnet.Fault{})
	w.run("leave")
	w.mustWait(func() bool { return len(w.jobNodes()) == 0 }) // control drops one that it never heard of again
	w.wantNothingLeft()
}
