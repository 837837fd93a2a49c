// Package platforms reads scripts/platforms, for tests that hold other files to it.
package platforms

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Platform is what a release has files for.
type Platform struct {
	OS, Arch string   // as Go calls them
	Machines []string // what `uname -m` prints there
	Runner   string   // RUNNER_ARCH
}

// All are the platforms of the repository at root.
func All(t *testing.T, root string) (all []Platform) {
	t.Helper()
	table, err := os.ReadFile(filepath.Join(root, "scripts/platforms"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || strings.HasPrefix(line, "#") {
			continue
		}
		system, arch, _ := strings.Cut(fields[0], "/")
		all = append(all, Platform{OS: system, Arch: arch, Machines: strings.Split(fields[1], ","), Runner: fields[2]})
	}
	if len(all) == 0 {
		t.Fatal("scripts/platforms has no platforms")
	}
	return all
}

// RunnerOS is RUNNER_OS in a job on this platform.
func (p Platform) RunnerOS() string {
	return map[string]string{"linux": "Linux", "darwin": "macOS", "windows": "Windows"}[p.OS]
}

// Systems are what `uname -s` prints on this platform: on Windows in Git's sh, in the shells of MSYS2, and in Cygwin's.
func (p Platform) Systems() []string {
	return map[string][]string{
		"linux": {"Linux"}, "darwin": {"Darwin"},
		"windows": {"MINGW64_NT-10.0-20348", "MSYS_NT-10.0-20348", "UCRT64_NT-10.0-26100", "CLANGARM64_NT-10.0-26100-ARM64", "CYGWIN_NT-10.0-20348"},
	}[p.OS]
}

// Program is the file name of tailjoin for this platform.
func (p Platform) Program() string {
	name := "tailjoin-" + p.OS + "-" + p.Arch
	if p.OS == "windows" {
		name += ".exe"
	}
	return name
}
