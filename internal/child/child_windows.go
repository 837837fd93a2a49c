package child

import (
	"os"
	"syscall"
)

// Signals are those that end a wait for something else. None is passed on: the
// console tells the command by itself.
func Signals() []os.Signal { return []os.Signal{os.Interrupt} }

// Ends reports that a signal asks a process to end.
func Ends(sig os.Signal) bool { return sig == os.Interrupt }

// StatusBy is the status of a shell whose command a signal ended.
func StatusBy(sig os.Signal) int { return bySignal + int(sig.(syscall.Signal)) }

// Run runs the command to its end and returns its status. err is set if the
// command was not started.
func (c Command) Run(<-chan os.Signal) (status int, err error) {
	process, err := os.StartProcess(c.Path, c.Args, &os.ProcAttr{Env: c.Env, Files: c.Files})
	if err != nil {
		return 0, err
	}
	state, err := process.Wait()
	if err != nil {
		return 0, err
	}
	return state.ExitCode(), nil
}
