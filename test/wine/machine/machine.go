//go:build linux

// Package machine is a Windows machine to run programs on: wine, with a drive of its own for each.
package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Where Debian's wine64 has its loader, its server and its libraries.
const (
	loader    = "/usr/lib/wine/wine64"
	server    = "/usr/lib/wine/wineserver64"
	libraries = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows"
)

// Missing says why there can be no machine here, "" if there can.
func Missing() string {
	for _, path := range []string{loader, server, libraries} {
		if _, err := os.Stat(path); err != nil {
			return "wine is not installed (apt-get install wine64)"
		}
	}
	return ""
}

// A Machine is a drive C: and a registry. Programs on it also see the files of Linux, as drive Z:.
type Machine struct {
	dir string // WINEPREFIX
}

// registry has the one service without which a program sees no network.
const registry = `WINE REGISTRY Version 2
;; All keys relative to REGISTRY\\Machine

#arch=win64

[System\\CurrentControlSet\\Services\\nsiproxy]
"DisplayName"="NSI Proxy"
"ErrorControl"=dword:00000001
"Group"="System Bus Extender"
"ImagePath"="C:\\windows\\system32\\drivers\\nsiproxy.sys"
"ObjectName"="LocalSystem"
"Start"=dword:00000002
"Type"=dword:00000001
`

// New makes a machine in an empty directory: a tenth of a second, where wineboot takes eight and 700 MB. The system's directory
// has links to the libraries.
func New(dir string) (*Machine, error) {
	m := &Machine{dir: dir}
	system := m.File(`C:\windows\system32`)
	err := errors.Join(
		os.MkdirAll(filepath.Join(system, "drivers"), 0o755), os.MkdirAll(m.File(temp), 0o755),
		os.Mkdir(filepath.Join(dir, "dosdevices"), 0o755),
		os.Symlink("../drive_c", filepath.Join(dir, "dosdevices/c:")),
		os.Symlink("/", filepath.Join(dir, "dosdevices/z:")),
		os.WriteFile(filepath.Join(dir, ".update-timestamp"), []byte("disable\n"), 0o644), // what is missing is not to be made
		os.WriteFile(filepath.Join(dir, "system.reg"), []byte(registry), 0o644),
		os.Symlink(filepath.Join(libraries, "nsiproxy.sys"), filepath.Join(system, "drivers/nsiproxy.sys")),
	)
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(libraries)
	for _, file := range files {
		err = errors.Join(err, os.Symlink(filepath.Join(libraries, file.Name()), filepath.Join(system, file.Name())))
	}
	return m, err
}

const temp = `C:\users\runner\Temp`

// File is where Linux has a file of drive C: or Z:. Slashes may be of either kind.
func (m *Machine) File(path string) string {
	path = strings.ReplaceAll(path, `\`, "/")
	if rest, ok := strings.CutPrefix(path, "Z:"); ok {
		return rest
	}
	return filepath.Join(m.dir, "drive_c", strings.TrimPrefix(path, "C:"))
}

// Command is a process of the machine, not started yet: a program, by its path there, with these variables and nothing else of
// this process's environment.
func (m *Machine) Command(ctx context.Context, vars []string, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, loader, append([]string{program}, args...)...)
	cmd.Dir = filepath.Join(m.dir, "drive_c")
	cmd.Env = append([]string{
		"WINEPREFIX=" + m.dir, "WINESERVER=" + server, "WINEDEBUG=-all", "LC_ALL=C.UTF-8", "HOME=" + m.dir,
		"WINETEMP=" + temp, "WINETMP=" + temp, "WINEPATH=" + `C:\windows\system32;C:\windows`,
		"USERPROFILE=" + `C:\users\runner`, "LOCALAPPDATA=" + `C:\users\runner\AppData\Local`,
	}, vars...)
	return cmd
}

// Processes are the command lines of the machine's processes that name a program.
func (m *Machine) Processes(program string) (lines []string) {
	for _, pid := range m.PIDs(program) {
		line, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		lines = append(lines, string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
	}
	return lines
}

// PIDs are the Linux process IDs of the machine's processes whose command line names a program.
func (m *Machine) PIDs(program string) (pids []string) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !bytes.Contains(line, []byte(program)) || bytes.HasPrefix(line, []byte(loader+"\x00wine")) {
			continue
		}
		if environ, err := os.ReadFile(filepath.Join(dir, "environ")); err == nil && bytes.Contains(environ, []byte("WINEPREFIX="+m.dir+"\x00")) {
			pids = append(pids, filepath.Base(dir))
		}
	}
	return pids
}

// Start has the machine run until it is closed. By itself it ends with its last process, and at times takes the next one with it.
func (m *Machine) Start() error {
	cmd := exec.Command(server, "--persistent")
	cmd.Env = []string{"WINEPREFIX=" + m.dir}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("starting wine: %w", err)
	}
	return nil
}

// Close ends all processes of the machine.
func (m *Machine) Close() error {
	for _, flag := range []string{"--kill", "--wait"} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, server, flag)
		cmd.Env = []string{"WINEPREFIX=" + m.dir}
		words, err := cmd.CombinedOutput()
		if err != nil && (len(words) > 0 || ctx.Err() != nil) { // without a word: no server runs
			return fmt.Errorf("ending wine: %w: %s", err, words)
		}
	}
	return nil
}
