package tailscaled

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/tailscale/go-winio"
	"golang.org/x/sys/windows"
)

// linkName is the daemon's program, in the session's directory: how a later
// process knows it as ours.
const linkName = "tailscaled.exe"

// homeVariable names a user's home directory.
const homeVariable = "USERPROFILE"

// systemPath is the PATH of a daemon that may call programs of the host.
var systemPath = func() []string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return nil
	}
	return []string{dir}
}()

// SocketIn is the LocalAPI's named pipe for a session's directory. All pipes of
// a machine share one directory, so the name follows from the whole path.
func SocketIn(dir string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(realPath(dir))))
	return fmt.Sprintf(`\\.\pipe\tailjoin-%x`, sum[:8])
}

// isShared reports that the pipe of another daemon can have this name. Any user
// can make a pipe first that a daemon of ours is to make; the pipe of Windows'
// own service only an administrator.
func isShared(socket string) bool { return socket != DefaultSocket }

// alias copies a program: a symbolic link takes a right that most users lack.
func alias(program, path string) error {
	file, err := os.Open(program)
	if err != nil {
		return err
	}
	defer file.Close()
	return linkOpen(file, path)
}

// linkOpen copies an open file. With a hard link, the file could not be removed
// while the program runs for another session.
func linkOpen(file *os.File, path string) error {
	target, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o700)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{target}, io.NewSectionReader(file, 0, largestFile), make([]byte, 1<<20))
	return errors.Join(err, target.Close())
}

// Signal ends the process, whatever sig: Windows knows no other.
func Signal(pid int, _ syscall.Signal) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil // ended meanwhile
	}
	if err := process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// setOwnSession keeps the runner, which ends a step's console and its process
// group, from ending the daemon.
func setOwnSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

// busyLimit is for a daemon between two connections, which has no pipe to offer
// for a moment.
const busyLimit = 5 * time.Second

// dialSocket connects to a daemon's named pipe. The daemon may ask who we are,
// and not act for us.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, busyLimit)
	defer cancel()
	return winio.DialPipeAccessImpLevel(ctx, path, windows.GENERIC_READ|windows.GENERIC_WRITE, winio.PipeImpLevelIdentification)
}

// holdTUN has nothing to hold: a daemon of ours on Windows is a userspace one.
func holdTUN(*exec.Cmd) (ours io.Closer, err error) { return io.NopCloser(nil), nil }

// runOpen leaves cmd as it is: here only a path can be run.
func runOpen(*exec.Cmd, *os.File) {}

func (l launch) runApart(*exec.Cmd) (release func(), err error) {
	return nil, errors.New("only on Linux a daemon runs as a user of its own")
}

func isApart(int) bool { return false }

func neverGainRights() error { return nil }

func watchExit(pid int) <-chan struct{} {
	exited := make(chan struct{})
	go func() {
		AwaitExit(pid, 365*24*time.Hour)
		close(exited)
	}()
	return exited
}

// AwaitExit waits for a process to end, and reports whether it did.
func AwaitExit(pid int, limit time.Duration) bool {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return errors.Is(err, windows.ERROR_INVALID_PARAMETER) // there is no such process
	}
	defer windows.CloseHandle(process)
	event, err := windows.WaitForSingleObject(process, uint32(limit.Milliseconds()))
	return err == nil && event == windows.WAIT_OBJECT_0
}

// tie has nothing to do before the daemon runs.
func tie(*exec.Cmd) {}

// tieStarted has Windows end the daemon with this process: at its end the handle
// of the job is closed that the daemon is in.
func tieStarted(pid int) error {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return fmt.Errorf("tying tailscaled to this process: %w", err)
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	var daemon windows.Handle
	if err == nil {
		daemon, err = windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	}
	if err == nil {
		defer windows.CloseHandle(daemon)
		err = windows.AssignProcessToJobObject(job, daemon)
	}
	if err != nil {
		windows.CloseHandle(job)
		return fmt.Errorf("tying tailscaled to this process: %w", err)
	}
	return nil
}
