package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// prove returns nil for the one archive that was asked for: the one with the
// sum that is known for it, or else one that a trusted root has signed. A sum
// from the host that has the archive would prove nothing.
func (in Install) prove(s shelf, got received) error {
	if err := in.proveBytes(s, got); err != nil {
		return err
	}
	if got.odd != nil {
		return oddArchive(s, got)
	}
	return nil
}

func (in Install) proveBytes(s shelf, got received) error {
	if want := in.sumOf(got.path); want != "" {
		return checkSum(s, got, want)
	}
	if got.unsigned != nil {
		return in.noSignature(s, got)
	}
	if err := got.chain.verify(s.roots, got.hash.Sum(nil), got.length); err != nil {
		return badSignature(s, got, err)
	}
	return nil
}

func checkSum(s shelf, got received, want string) error {
	if hexSum(got.hash) == want {
		return nil
	}
	return &diag.Problem{
		Code:    "checksum-mismatch",
		Summary: "the archive of tailscaled does not have the sum it should have",
		Facts:   append(seen(s, got), diag.Fact{Name: "wanted", Value: want}),
		Hint: "nothing was installed. A sha256sum that you gave must be that of this very archive;\n" +
			"without one, the archive is not the one that Tailscale signed: please report it",
	}
}

func badSignature(s shelf, got received, err error) error {
	return &diag.Problem{
		Code:    "signature-invalid",
		Summary: "the archive of tailscaled is not signed by who should have signed it",
		Facts:   seen(s, got),
		Hint: "nothing was installed; an old version may be signed with a key that was replaced since:\n" +
			"then give its sum with sha256sum, from a source that you trust",
		Err: err,
	}
}

// noSignature is about a chain that did not come, or not in whole.
func (in Install) noSignature(s shelf, got received) error {
	if _, gone := errors.AsType[*absent](got.unsigned); !gone {
		return in.failed(s, got.path+".sig", got.unsigned)
	}
	// Not wrapped: that a part is absent must not send the search on.
	return badSignature(s, got, errors.New(got.unsigned.Error()))
}

func oddArchive(s shelf, got received) error {
	return &diag.Problem{
		Code:    "archive-odd",
		Summary: "the archive of tailscaled does not look like one of Tailscale's",
		Facts:   seen(s, got),
		Hint:    "nothing was installed; it must hold one tailscaled and one tailscale, as regular files",
		Err:     got.odd,
	}
}

func wrongVersion(got received, said, version string) error {
	return &diag.Problem{
		Code:    "version-mismatch",
		Summary: "the archive holds another tailscaled than its name says",
		Facts: []diag.Fact{
			{Name: "archive", Value: got.path}, {Name: "inside", Value: said}, {Name: "wanted", Value: version},
		},
		Hint: "nothing was installed; the package server or the mirror is to be repaired",
	}
}

// notRunnable is about a tailscaled in the cache, or in the session.
func notRunnable(in Install, err error) *diag.Problem {
	p := &diag.Problem{
		Code:    "not-runnable",
		Summary: "tailscaled does not run on this machine",
		Facts:   []diag.Fact{{Name: "platform", Value: in.platform()}, {Name: "directory", Value: in.root()}},
		Hint:    "let programs run from this directory, " + elsewhere,
		Err:     err,
	}
	if mount, ok := errors.AsType[*noexecError](err); ok {
		p.Facts = append(p.Facts, diag.Fact{Name: "mount", Value: mount.mount})
		p.Hint = "mount it without noexec, " + elsewhere
	}
	return p
}

// explainStart says why the kernel did not run the program: a security module
// may refuse it, or the file system, where that does not show before.
func (c Config) explainStart(err error) error {
	err = fmt.Errorf("starting tailscaled: %w", err)
	if !errors.Is(err, fs.ErrPermission) || c.Rights.Sudo {
		return err
	}
	p := notRunnable(Install{}, err)
	p.Facts[1].Value = filepath.Dir(c.Binary.Daemon)
	return p
}

// failed explains why nothing came from a shelf. An absent stays one: the next
// source may have it. So does the end of ctx by a cancel, which is no failure.
func (in Install) failed(s shelf, path string, err error) error {
	if _, gone := errors.AsType[*absent](err); gone {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("downloading tailscaled: %w", err)
	}
	if p, ok := errors.AsType[*diag.Problem](err); ok {
		return p
	}
	if _, ok := errors.AsType[*cacheError](err); ok {
		return err
	}
	if later, ok := errors.AsType[*retry.Later](err); ok {
		err = later.Err
	}
	return &diag.Problem{
		Code:    "download-failed",
		Summary: "tailscaled could not be downloaded",
		Facts:   []diag.Fact{from(s, path)},
		Hint:    "see whether this machine reaches the address, or configure a mirror;\n" + in.withoutDownload(),
		Err:     err,
	}
}

// withoutDownload says what to change so that the bundled tailscaled will do.
func (in Install) withoutDownload() string {
	switch {
	case in.Needs != "":
		return "--" + in.Needs + " in args needs a full build, which is downloaded unless the machine has one"
	case in.needsInstaller():
		return "with network: userspace nothing is downloaded"
	case in.Full:
		return "the bundled tailscaled will not do here"
	}
	return "with install: auto, no version and no sha256sum, nothing is downloaded"
}

// seen is the archive that was refused. Its SHA-256 is worth the time then.
func seen(s shelf, got received) []diag.Fact {
	facts := []diag.Fact{from(s, got.path)}
	if sum, err := sumFile(got.asReceived()); err == nil {
		facts = append(facts, diag.Fact{Name: "sha256", Value: sum})
	}
	return facts
}

func from(s shelf, path string) diag.Fact { return diag.Fact{Name: "from", Value: s.name + path} }
