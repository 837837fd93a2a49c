package tailscaled

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// On Windows a network interface takes a driver that only Tailscale's own
// installer brings, an MSI: it installs a service for the whole machine. A join
// runs it if the interface is asked for, or a tailscaled that is not bundled,
// and a leave uninstalls it. A Tailscale that was there before is another
// user's: no join installs over it. See installation for how they are told apart.

// A NoInterfaceError says why this machine lets a join have no network interface.
type NoInterfaceError struct{ Reason string }

func (e *NoInterfaceError) Error() string { return e.Reason }

// An installer is what Windows knows of MSIs, and does with them.
type installer struct {
	verify      func(msi string) error           // its signature
	productOf   func(msi string) (string, error) // its product code
	publisherOf func(product string) string      // of an installed product, "" if it is not installed
	run         func(ctx context.Context, words ...string) error

	programs, data  func() string                    // directories that the MSI makes
	notes           func() string                    // the directory of the installation's note
	installing      func(join int) []int             // the processes by which a join installs
	service         func() string                    // the state of Tailscale's service
	tailscale       func(ctx context.Context) string // what there is of a Tailscale, "" if nothing
	isAdministrator func() bool
}

var windowsInstaller = installer{
	verify: verifyPublisher, productOf: productOf, publisherOf: publisherOf, run: runMSI,
	programs: programDir, data: dataDir, notes: notesDir, installing: installersOf, service: serviceState,
	tailscale: findTailscale, isAdministrator: isAdministrator,
}

func (in Install) installer() installer {
	if in.msi != nil {
		return *in.msi
	}
	return windowsInstaller
}

// permitMSI returns why Tailscale's installer may not run. A join asks before
// it downloads, and again before it installs.
func permitMSI(ctx context.Context, in Install) error {
	if !in.mayDownload() {
		return missing("not asked: nothing is installed on the machine by default")
	}
	if in.Interface == WantUserspace {
		return diag.Input("on Windows only the bundled tailscaled runs without a network interface",
			"leave out version, sha256sum, install: download, and args that the bundled tailscaled lacks; or leave out network: userspace")
	}
	if err := in.clearStale(ctx); err != nil {
		return err
	}
	return in.installer().refuse(ctx, in.SessionDir)
}

// refuse returns why the installer may not run for a session, as a
// *NoInterfaceError.
func (i installer) refuse(ctx context.Context, session string) error {
	if !i.isAdministrator() {
		return &NoInterfaceError{"this job does not run as an administrator, which Tailscale's installer takes"}
	}
	note, err := i.noted()
	if err != nil {
		return &NoInterfaceError{"what other joins installed cannot be told: " + err.Error()}
	}
	if note != nil && !note.isStale(session) {
		return note.taken()
	}
	if found := i.tailscale(ctx); found != "" && note == nil {
		return &NoInterfaceError{found + ", and tailjoin never replaces a Tailscale that was there before"}
	}
	return nil
}

// clearStale uninstalls what an earlier join installed for which no leave will
// come.
func (in Install) clearStale(ctx context.Context) error {
	i := in.installer()
	note, err := i.noted()
	if err != nil || note == nil || !note.isStale(in.SessionDir) || !i.isAdministrator() {
		return nil // refuse says why
	}
	in.log().Info("uninstalling the Tailscale of an earlier join on this machine, which did not leave", "session", note.Session)
	if err := i.uninstall(ctx, note.Session, note.Product); err != nil {
		return &NoInterfaceError{"the Tailscale of an earlier join is installed, and cannot be removed: " + err.Error()}
	}
	return nil
}

// survey finds out what a join on Windows has: an interface only if that is
// asked for, and the installer may run.
func (i installer) survey(ctx context.Context, wish Wish) Machine {
	m := Machine{Root: true}
	if refused := i.refuse(ctx, ""); refused != nil {
		m.NoTUN = refused.Error()
	}
	switch wish {
	case WantTUN:
		m.TUN, m.Reason = m.NoTUN == "", m.NoTUN
	case Any:
		m.Reason = "on Windows it takes network: tun, which runs Tailscale's installer"
	}
	return m
}

// ofMachine reports that another archive does not help.
func ofMachine(err error) bool {
	_, refused := errors.AsType[*NoInterfaceError](err)
	p, ok := errors.AsType[*diag.Problem](err)
	return refused || ok && (p.Input || p.Code == "install-failed")
}

// settleMSI installs a verified MSI for the whole machine, as there is no other
// form for Windows. What was installed says its version afterwards: the name of
// an MSI is not signed.
func settleMSI(ctx context.Context, in Install, got received, version string) (Binary, error) {
	held, err := in.hold(got)
	if err != nil {
		return Binary{}, err
	}
	defer held.Close()
	if err := in.installer().verify(held.Name()); err != nil {
		return Binary{}, badPublisher(got, err)
	}
	if err := in.installMSI(ctx, held.Name()); err != nil {
		return Binary{}, err
	}
	dir := in.installer().programs()
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

// installMSI notes the product before it is installed, and takes the notes back
// if another installation kept msiexec from starting.
func (in Install) installMSI(ctx context.Context, msi string) error {
	product, err := in.installer().productOf(msi)
	if err != nil {
		return fmt.Errorf("reading the product code of the MSI: %w", err)
	}
	_, err = retry.Steps(ctx, in.againMSI, func(ctx context.Context) (struct{}, error) {
		if err := permitMSI(ctx, in); err != nil {
			return struct{}{}, err
		}
		if err := in.note(ctx, product); err != nil {
			return struct{}{}, err
		}
		err := in.installer().run(ctx, "/i", msi, "TS_NOLAUNCH=1") // without the window of the app that would ask the user to log in
		if failed, ok := errors.AsType[*msiError](err); ok && failed.status == statusBusy {
			return struct{}{}, errors.Join(err, in.unnote())
		}
		return struct{}{}, err
	})
	return notInstalled(err)
}

// note tells the machine and the join which product is about to be installed.
// The error is a *NoInterfaceError if another join was quicker.
func (in Install) note(ctx context.Context, product string) error {
	i := in.installer()
	err := i.claim(in.SessionDir, product)
	if errors.Is(err, fs.ErrExist) {
		return cmp.Or(i.refuse(ctx, in.SessionDir), error(&retry.Later{Err: err})) // nil: the other join took its note back meanwhile
	}
	if err != nil {
		return fmt.Errorf("noting what is about to be installed: %w", err)
	}
	return in.tell(product)
}

// unnote takes both notes back: nothing is installed after all.
func (in Install) unnote() error {
	return errors.Join(in.tell(""), in.installer().release(in.SessionDir))
}

func (in Install) tell(product string) error {
	if in.Installing == nil {
		return nil
	}
	return in.Installing(product)
}

func (in Install) againMSI(_ error, limit time.Duration) {
	in.log().Info("Windows is installing another program; trying again for "+limit.Round(time.Second).String()+" at most", "status", statusBusy)
}

// notInstalled explains the failure of an installation. Other errors stay what
// they are.
func notInstalled(err error) error {
	failed, ok := errors.AsType[*msiError](err)
	if !ok {
		return err
	}
	return &diag.Problem{
		Code:    "install-failed",
		Summary: "Windows did not install Tailscale",
		Facts:   []diag.Fact{{Name: "log", Value: failed.log}},
		Hint:    cmp.Or(msiHints[failed.status], "the log says what failed: a policy of the machine, or the driver of the network interface.\nWithout `network: tun` no installer is run"),
		Err:     err,
	}
}

// product is the form of an MSI's product code.
const product lazy.Pattern = `^\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}$`

// Uninstall removes the product that a join noted for its session: its service,
// its programs and its data. A product that was not installed after all is no
// error, nor is one that by now is another session's. The name of the product may
// come from a place that is not trusted: only what Tailscale publishes is removed.
func Uninstall(ctx context.Context, session, code string) error {
	return windowsInstaller.uninstall(ctx, session, code)
}

// InstalledFor returns the product that is noted outside of the session as
// installed for it, "" if there is no such note.
func InstalledFor(session string) (code string) {
	note, err := windowsInstaller.noted()
	if err != nil || note == nil || !note.isOf(session) {
		return ""
	}
	return note.Product
}

func (i installer) uninstall(ctx context.Context, session, code string) error {
	if !product.Matches(code) {
		return fmt.Errorf("uninstalling Tailscale: %q is not a product code", code)
	}
	note, err := i.noted()
	if err != nil {
		return fmt.Errorf("uninstalling Tailscale: %w", err)
	}
	if note != nil && !note.isOf(session) {
		return nil
	}
	if err := i.remove(ctx, note, code); err != nil {
		return fmt.Errorf("uninstalling Tailscale: %w", err)
	}
	return i.release(session)
}

// remove waits for an installation that is still under way, and undoes it.
func (i installer) remove(ctx context.Context, note *installation, code string) error {
	if note != nil {
		awaitExits(ctx, i.installing(note.Join))
	}
	_, err := retry.Steps(ctx, nil, func(ctx context.Context) (struct{}, error) {
		if by := i.publisherOf(code); by != "" && by != publisher {
			return struct{}{}, fmt.Errorf("the product %s is of %s", code, by)
		}
		return struct{}{}, i.run(ctx, "/x", code)
	})
	if failed, ok := errors.AsType[*msiError](err); ok && failed.status == statusUnknown {
		err = nil
	}
	if err == nil && i.service() == noService { // else what is there is another installation's
		err = i.sweep(ctx)
	}
	return err
}

// sweepLimit is for Windows to let go of a program that has just ended.
const sweepLimit = 5 * time.Second

// sweep removes the data, and programs that were still in use.
func (i installer) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepLimit)
	defer cancel()
	_, err := until(ctx, func(context.Context) (struct{}, error) {
		return struct{}{}, errors.Join(os.RemoveAll(i.data()), os.RemoveAll(i.programs()))
	})
	return err
}

// awaitExits waits for processes to end, as long as ctx allows.
func awaitExits(ctx context.Context, pids []int) {
	for _, pid := range pids {
		for ctx.Err() == nil && !AwaitExit(pid, pause) {
		}
	}
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

// noService is the state of a service that does not exist.
const noService = "not installed"

// publisher is the subject of the certificate that signs Tailscale's MSIs.
const publisher = "Tailscale Inc."
