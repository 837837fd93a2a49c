//go:build unix

package child

import (
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ending are the signals by which a process is asked to end. They are for
// everything that the command has started: a shell passes none of them on, and
// who signals the group that this process is in means all of it.
var ending = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// Signals are those that Run passes on. One that is ignored already stays so,
// in the command too: that is what nohup is for.
func Signals() []os.Signal {
	all := append(slices.Clone(ending), syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	return slices.DeleteFunc(all, signal.Ignored)
}

// Ends reports that a signal asks a process to end.
func Ends(sig os.Signal) bool { return slices.Contains(ending, sig) }

// StatusBy is the status of a shell whose command a signal ended.
func StatusBy(sig os.Signal) int { return bySignal + int(sig.(syscall.Signal)) }

// Run runs the command to its end and returns its status, as a shell tells it:
// 128 and the number of the signal that ended it. What comes from signals is
// passed on. err is set if the command was not started.
//
// The command has a process group of its own. If we have the terminal, the
// group gets it: what is typed there reaches the command once, and us not at
// all.
func (c Command) Run(signals <-chan os.Signal) (status int, err error) {
	// Linux kills the command when the thread ends that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGCHLD)
	defer signal.Stop(changed)
	process, err := os.StartProcess(c.Path, c.Args, &os.ProcAttr{Env: c.Env, Files: c.Files, Sys: ownGroup()})
	if err != nil {
		return 0, err
	}
	r := &running{pid: process.Pid, terminal: openTerminal()}
	process.Release() // nobody else waits for it
	defer r.terminal.close()
	return r.wait(signals, changed)
}

// A running is a command that was started. All that concerns it is done in one
// goroutine: a signal never goes to a number that has been buried.
type running struct {
	pid       int
	terminal  *terminal
	unstopped <-chan time.Time // we run on, as nothing stops a process that no shell would continue
}

func (r *running) wait(signals, changed <-chan os.Signal) (status int, err error) {
	r.terminal.give(r.pid)
	defer r.terminal.takeBack()
	for {
		select {
		case sig := <-signals:
			r.passOn(sig.(syscall.Signal))
		case <-r.terminal.resumed():
			r.resume()
		case <-r.unstopped:
			r.resume()
		case <-changed:
			if status, ended, err := r.look(); ended || err != nil {
				return status, err
			}
		}
	}
}

// passOn signals the command, and what it has started if that is to end, too.
func (r *running) passOn(sig syscall.Signal) {
	target := r.pid
	if Ends(sig) {
		target = -r.pid
	}
	unix.Kill(target, sig) // it may have ended: then there is nobody to tell
}

// look asks what became of the command. A command with a terminal may have been
// stopped there.
func (r *running) look() (status int, ended bool, err error) {
	var state unix.WaitStatus
	options := unix.WNOHANG
	if r.terminal != nil {
		options |= unix.WUNTRACED
	}
	pid, err := unix.Wait4(r.pid, &state, options, nil)
	switch {
	case err == unix.EINTR:
		return r.look()
	case err != nil || pid != r.pid:
		return 0, false, err
	case state.Signaled():
		return bySignal + int(state.Signal()), true, nil
	case state.Exited():
		return state.ExitStatus(), true, nil
	}
	r.stopped(state.StopSignal())
	return 0, false, nil
}
