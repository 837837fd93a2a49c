package tailscaled

import (
	"net"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// processesNamed lists the processes of this user that run a program: a
// session's daemon is a copy of its own there.
func processesNamed(program string, noted int, by owner) []int {
	matches := func(pid int) bool { return runsProgram(pid, program) && belongsTo(pid, by) }
	if noted > 0 && matches(noted) {
		return []int{noted}
	}
	return processes(func(pid, _ int) bool { return matches(pid) })
}

// installersOf lists the msiexec that a process has started, which may have ended.
func installersOf(parent int) []int {
	return processes(func(pid, by int) bool { return by == parent && runsProgram(pid, msiexecPath()) })
}

// processes lists the processes that are chosen by their number and their parent's.
func processes(choose func(pid, parent int) bool) (pids []int) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil
	}
	defer windows.CloseHandle(snapshot)
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		if pid := int(entry.ProcessID); choose(pid, int(entry.ParentProcessID)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processesEnding: nothing is started by sudo.
func processesEnding(owner, ...string) []int { return nil }

// belongsTo reports whether a process runs as this user, the only owner that
// there is here.
func belongsTo(pid int, _ owner) bool {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(process)
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return false
	}
	defer token.Close()
	theirs, err := token.GetTokenUser()
	if err != nil {
		return false
	}
	ours, err := windows.GetCurrentProcessToken().GetTokenUser()
	return err == nil && theirs.User.Sid.Equals(ours.User.Sid)
}

// argumentsOf: what a daemon of ours was given is in the session.
func argumentsOf(int) []string { return nil }

// listensAs reports whether the process at the other end of a pipe runs this
// program.
func listensAs(conn net.Conn, name string, _ int, by owner) bool {
	pipe, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return false
	}
	var pid uint32
	err := windows.GetNamedPipeServerProcessId(windows.Handle(pipe.Fd()), &pid)
	return err == nil && runsProgram(int(pid), name) && belongsTo(int(pid), by)
}

// runsProgram reports whether a process runs the program at a path, whatever
// name of it the path is.
func runsProgram(pid int, path string) bool {
	program := ProgramOf(pid)
	return strings.EqualFold(program, path) || program != "" && strings.EqualFold(realPath(program), realPath(path))
}

// OwnProgram is ProgramOf this process.
func OwnProgram() string { return ProgramOf(os.Getpid()) }

// ProgramOf is the path of a process's program, "" if there is no such
// process or it is another user's.
func ProgramOf(pid int) string {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(process)
	path := make([]uint16, windows.MAX_LONG_PATH)
	size := uint32(len(path))
	if err := windows.QueryFullProcessImageName(process, 0, &path[0], &size); err != nil {
		return ""
	}
	return windows.UTF16ToString(path[:size])
}

// realPath is the one name of a file or directory that Windows itself uses: a
// path may have short names such as ADMINI~1, or lead through a link. What does
// not exist keeps its path.
func realPath(path string) string {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return path
	}
	const everySharing = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	file, err := windows.CreateFile(name, 0, everySharing, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return path
	}
	defer windows.CloseHandle(file)
	real := make([]uint16, windows.MAX_LONG_PATH)
	size, err := windows.GetFinalPathNameByHandle(file, &real[0], uint32(len(real)), 0)
	if err != nil || size > uint32(len(real)) {
		return path
	}
	return plainPath(windows.UTF16ToString(real[:size]))
}

// plainPath is a path as everything else writes it: \\?\C:\x is C:\x, and
// \\?\UNC\server\share is \\server\share.
func plainPath(path string) string {
	if share, ok := strings.CutPrefix(path, `\\?\UNC\`); ok {
		return `\\` + share
	}
	return strings.TrimPrefix(path, `\\?\`)
}
