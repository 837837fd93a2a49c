//go:build unix

package child

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is the one that controls this process. Its keys signal one process
// group, which alone may read from it. nil is none.
type terminal struct {
	fd    int
	ours  int            // our own process group
	given bool           // the command has it from us
	cont  chan os.Signal // we were stopped, and go on
}

func openTerminal() *terminal {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	t := &terminal{fd: fd, ours: unix.Getpgrp(), cont: make(chan os.Signal, 1)}
	signal.Notify(t.cont, syscall.SIGCONT)
	return t
}

func (t *terminal) close() {
	if t != nil {
		signal.Stop(t.cont)
		unix.Close(t.fd)
	}
}

func (t *terminal) resumed() <-chan os.Signal {
	if t == nil {
		return nil
	}
	return t.cont
}

// has reports that the terminal is a process group's.
func (t *terminal) has(group int) bool {
	has, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	return err == nil && has == group
}

// give hands on what we have. In the background we have nothing.
func (t *terminal) give(group int) {
	if t != nil && t.has(t.ours) {
		t.hand(group)
		t.given = true
	}
}

// takeBack ends what give began, whoever of the command has the terminal now.
func (t *terminal) takeBack() {
	if t != nil && t.given {
		t.hand(t.ours)
		t.given = false
	}
}

// hand is for a process in the background too: asking for the terminal would
// stop that.
func (t *terminal) hand(group int) {
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group)
}

// stopped has the shell that we were called by know that the command was
// stopped, as if it had called that: we stop too.
func (r *running) stopped(by unix.Signal) {
	if r.terminal.has(r.pid) && (by == unix.SIGTTIN || by == unix.SIGTTOU) {
		unix.Kill(-r.pid, unix.SIGCONT) // it asked before the terminal was its own
		return
	}
	r.terminal.takeBack()
	unix.Kill(0, unix.SIGTSTP)
	r.unstopped = time.After(100 * time.Millisecond)
}

// resume has the command go on with us.
func (r *running) resume() {
	r.unstopped = nil
	r.terminal.give(r.pid)
	unix.Kill(-r.pid, unix.SIGCONT)
}
