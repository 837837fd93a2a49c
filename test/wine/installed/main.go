//go:build windows

// Command installed acts as three programs on a machine without Tailscale's driver.
//
// As tailscaled.exe, which a test's MSI installs as a service, it says its version, and as a service it runs the small daemon at the
// pipe and on the state that Tailscale's service has.
//
// As msiexec.exe it ends with the status that the next line of the file script says, or has Windows install for an empty line, or
// after the last line.
//
// As msiserver.exe it is what Windows has for that: a process of its own, which installs one MSI at a time with the real msiexec,
// and goes on when the client is killed.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/windows"
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
	goOn   = `C:\go-on` // a test that has something wait writes it

	waiting = `C:\waiting` // is there once something waits

	msiexec   = `C:\windows\system32\true-msiexec.exe`
	msiserver = `C:\windows\system32\msiserver.exe`
)

// Words of the script.
const (
	late = "late" // the client waits before Windows hears of it
	slow = "slow" // Windows waits before it installs
)

// busy is the status of an msiexec while Windows installs for another one.
const busy = 1618

// programs maps the name that this file is run by to the program it acts as.
var programs = map[string]func(args []string) int{"msiexec.exe": install, "msiserver.exe": serve}

func main() {
	if program, ok := programs[strings.ToLower(filepath.Base(os.Args[0]))]; ok {
		os.Exit(program(os.Args[1:]))
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
	word := strings.TrimSpace(first)
	if status, err := strconv.Atoi(word); err == nil {
		return status
	}
	if word == late {
		await(goOn)
	}
	return run(msiserver, append([]string{word}, args...)...)
}

// serve installs, unless another server does.
func serve(args []string) int {
	if mutex, err := windows.CreateMutex(nil, false, windows.StringToUTF16Ptr("_MSIExecute")); err != nil {
		windows.CloseHandle(mutex)
		return busy
	}
	if args[0] == slow {
		await(goOn)
	}
	return run(msiexec, args[1:]...)
}

func run(program string, args ...string) (status int) {
	cmd := exec.Command(program, args...)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// await says that it waits for a file, and goes on without it after a while.
func await(path string) {
	os.WriteFile(waiting, nil, 0o600)
	for range 400 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
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
