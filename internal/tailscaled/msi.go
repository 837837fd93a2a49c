package tailscaled

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// settleMSI installs a verified MSI for the whole machine, as there is no other
// form for Windows. What was installed says its version afterwards: the name of
// an MSI is not signed.
func settleMSI(ctx context.Context, in Install, got received, version string) (Binary, error) {
	held, err := in.hold(got)
	if err != nil {
		return Binary{}, err
	}
	defer held.Close()
	msi := held.Name()
	if err := verifyPublisher(msi); err != nil {
		return Binary{}, badPublisher(got, err)
	}
	if err := runMSI(ctx, msi); err != nil {
		return Binary{}, err
	}
	dir := programDir()
	b := Binary{Daemon: filepath.Join(dir, "tailscaled.exe"), CLI: filepath.Join(dir, "tailscale.exe"), Service: true}
	said, err := askVersion(ctx, b.Daemon, nil)
	if err != nil {
		return Binary{}, err
	}
	if said != version {
		return Binary{}, wrongVersion(got, said, version)
	}
	return b, nil
}

var errMSIChanged = errors.New("the MSI was changed after it was verified: nothing was installed")

// hold opens the archive that was verified, so that it stays what it is until
// it is closed: Windows installs by a path, as the system, while other users may
// be able to write to where that leads.
func (in Install) hold(got received) (*os.File, error) {
	f, err := openHeld(got.asReceived())
	if err != nil {
		return nil, err
	}
	h := in.hashFor(got.path)
	_, err = io.Copy(h, f)
	if err == nil && !bytes.Equal(h.Sum(nil), got.hash.Sum(nil)) {
		err = errMSIChanged
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// installed are the exit codes of msiexec that mean it is done: also
// ERROR_SUCCESS_REBOOT_INITIATED and ERROR_SUCCESS_REBOOT_REQUIRED.
var installed = []int{0, 1641, 3010}

// msiexec gives the arguments: without questions, without a restart, without
// the window of the app that would ask the user to log in.
func msiexec(msi string) []string {
	return []string{"/i", msi, "/quiet", "/norestart", "/L*v", msi + ".log", "TS_NOLAUNCH=1"}
}

func runMSI(ctx context.Context, msi string) error {
	out, err := exec.CommandContext(ctx, "msiexec.exe", msiexec(msi)...).CombinedOutput()
	if exit, ok := err.(*exec.ExitError); ok && slices.Contains(installed, exit.ExitCode()) {
		return nil
	}
	if err != nil {
		return &diag.Problem{
			Code:    "install-failed",
			Summary: "Windows did not install Tailscale",
			Facts:   []diag.Fact{{Name: "msiexec", Value: strings.TrimSpace(string(out))}},
			Hint:    "the job must run as an administrator; a newer Tailscale on the machine must go first",
			Err:     fmt.Errorf("running msiexec: %w", err),
		}
	}
	return nil
}

func badPublisher(got received, err error) error {
	return &diag.Problem{
		Code:    "signature-invalid",
		Summary: "the MSI is not signed by " + publisher,
		Facts:   []diag.Fact{{Name: "archive", Value: got.path}},
		Hint:    "nothing was installed",
		Err:     err,
	}
}

// publisher is the subject of the certificate that signs Tailscale's MSIs.
const publisher = "Tailscale Inc."
