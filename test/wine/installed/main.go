//go:build windows

// Command installed stands for two programs on a machine without Tailscale's driver.
//
// As tailscaled.exe, which a test's MSI installs as a service, it says its version, and as a service it runs the small daemon at the
// pipe and on the state that Tailscale's service has. As msiexec.exe it ends with the status that the next line of the file script
// says, and runs the real msiexec for an empty line, or after the last line.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/windows/svc"
	"tailscale.com/paths"
)

// Set by the linker.
var (
	daemon  string // path of the small daemon
	version string
)

const (
	data   = `C:\ProgramData\Tailscale`
	script = `C:\msiexec.txt`

	msiexec = `C:\windows\system32\true-msiexec.exe`
)

func main() {
	if strings.EqualFold(filepath.Base(os.Args[0]), "msiexec.exe") {
		os.Exit(install(os.Args[1:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Printf("%s\n  long version: %s-installed\n", version, version)
		return
	}
	if err := svc.Run("Tailscale", service{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func install(args []string) int {
	content, _ := os.ReadFile(script)
	first, rest, _ := strings.Cut(string(content), "\n")
	os.WriteFile(script, []byte(rest), 0o600)
	if status, err := strconv.Atoi(strings.TrimSpace(first)); err == nil {
		return status
	}
	cmd := exec.Command(msiexec, args...)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

type service struct{}

// Execute runs the daemon until the service is stopped.
func (service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return false, 1
	}
	cmd := exec.Command(daemon, "--tun=userspace-networking", "--port=0", "--socket="+paths.DefaultTailscaledSocket(),
		"--statedir="+data, "--state="+filepath.Join(data, "server-state.conf"))
	cmd.Env = append(os.Environ(), "TS_NO_LOGS_NO_SUPPORT=true", "TS_DISABLE_PORTMAPPER=1", "TS_ASSUME_NETWORK_UP_FOR_TEST=1")
	if err := cmd.Start(); err != nil {
		return false, 2
	}
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for r := range requests {
		if r.Cmd == svc.Stop || r.Cmd == svc.Shutdown {
			break
		}
		status <- r.CurrentStatus
	}
	status <- svc.Status{State: svc.StopPending}
	cmd.Process.Kill()
	cmd.Wait()
	return false, 0
}
