package tailscaled

import (
	"net"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// processesNamed lists the processes that run a program: a session's daemon is
// a copy of its own there, since links need a right that runners lack.
func processesNamed(program string, _ int, _ owner) []int {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil
	}
	defer windows.CloseHandle(snapshot)
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	var pids []int
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		if pid := int(entry.ProcessID); strings.EqualFold(ProgramOf(pid), program) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processesEnding: nothing is started by sudo.
func processesEnding(owner, ...string) []int { return nil }

// belongsTo: only the owner of a process may open it.
func belongsTo(pid int, _ owner) bool { return ProgramOf(pid) != "" }

// argumentsOf: what a daemon of ours was given is in the session.
func argumentsOf(int) []string { return nil }

// listensAs: the name of the pipe is the session's own.
func listensAs(net.Conn, string, int, owner) bool { return true }

// ProgramOf is the path of a process's program, "" if there is no such
// process or it is somebody else's.
func ProgramOf(pid int) string {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(process)
	path := make([]uint16, windows.MAX_PATH)
	size := uint32(len(path))
	if err := windows.QueryFullProcessImageName(process, 0, &path[0], &size); err != nil {
		return ""
	}
	return windows.UTF16ToString(path[:size])
}
