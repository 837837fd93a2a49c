package child

import "syscall"

// ownGroup also has the kernel kill the command if we are killed: nobody would
// be left to take it off the tailnet.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
