package tailscaled

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/tailjoin/tailjoin/internal/retry"
)

// Statuses of msiexec.
// Source: https://learn.microsoft.com/windows/win32/msi/error-codes.
const (
	statusUnknown  = 1605 // no such product is installed
	statusBusy     = 1618 // another installation runs
	statusStarted  = 1641 // done, and a restart has begun
	statusRequired = 3010 // done, and takes a restart
)

// done are the statuses of an msiexec that did what it was asked for.
var done = []int{0, statusStarted, statusRequired}

// msiMeanings are what the statuses say that a join may meet.
var msiMeanings = map[int]string{
	1601:          "the Windows Installer service does not answer",
	1602:          "the installation was cancelled",
	1603:          "a fatal error during the installation",
	statusUnknown: "no such product is installed",
	statusBusy:    "another installation runs",
	1619:          "the MSI cannot be opened",
	1620:          "the file is not an MSI",
	1625:          "a policy of this machine forbids the installation",
	1633:          "the MSI is for another architecture",
	1638:          "another version is installed",
}

// msiHints are what to do about some of them. For the others the log tells.
var msiHints = map[int]string{
	1601:       "start the Windows Installer service (msiserver) on this machine; without `network: tun` no installer is run",
	statusBusy: "another program is being installed on this machine: let it finish before this step, or raise timeout",
	1625:       "ask the machine's administrator to allow Tailscale's MSI; without `network: tun` no installer is run",
	1638:       "remove the other Tailscale from this machine first; without `network: tun` no installer is run",
}

// An msiError is the failure of an msiexec.
type msiError struct {
	status int
	log    string // the lines that lead to it
}

func (e *msiError) Error() string {
	text := fmt.Sprintf("running msiexec: exit status %d", e.status)
	if meaning, ok := msiMeanings[e.status]; ok {
		text += ", " + meaning
	}
	return text
}

// runMSI runs Windows' installer without questions and without a restart. Its
// error is an *msiError, or a *retry.Later around one if another installation
// runs. At the end of ctx it returns at once. The installation goes on, since it
// is a service that does it, and a leave waits for it.
func runMSI(ctx context.Context, words ...string) error {
	dir, err := os.MkdirTemp("", "tailjoin-msi-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	log := filepath.Join(dir, "msiexec.log")
	cmd := exec.Command(msiexecPath(), slices.Concat(words[:2:2], []string{"/quiet", "/norestart", "/L*v", log}, words[2:])...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running msiexec: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	status := cmd.ProcessState.ExitCode()
	if slices.Contains(done, status) {
		return nil
	}
	text, _ := os.ReadFile(log)
	failed := &msiError{status, failureIn(decode(text))}
	if status == statusBusy {
		return &retry.Later{Err: failed}
	}
	return failed
}

// decode reads a log of msiexec, which writes UTF-16.
func decode(log []byte) string {
	rest, ok := bytes.CutPrefix(log, []byte{0xff, 0xfe})
	if !ok {
		return string(log)
	}
	units := make([]uint16, len(rest)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(rest[2*i:])
	}
	return string(utf16.Decode(units))
}

// logLines is how much of a log a Problem shows.
const logLines = 8

// failureIn returns the lines of a log that lead to the first action that
// failed: `Return value 3`. Without one they are the last lines.
func failureIn(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		lines = append(lines, line)
		if strings.HasSuffix(strings.ToLower(line), "return value 3.") {
			break
		}
	}
	return strings.Join(lines[max(0, len(lines)-logLines):], "\n")
}
