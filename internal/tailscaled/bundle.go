package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// A bundled is the tailscaled that comes with this tailjoin for one platform:
// one file, tailscaled and tailscale in one, packed with zstd against the
// program beside it. Its sums, packed and unpacked, are in the same commit.
type bundled struct {
	dir     string
	name    string // "tailscaled-linux-amd64"
	version string
	sums    sums // of name and name + ".zst", and of the spans of both
}

// openBundle returns an absent if there is no bundle for the platform.
func (in Install) openBundle() (bundled, error) {
	b := bundled{dir: in.BundleDir, name: "tailscaled-" + in.platform()}
	if in.BundleDir == "" {
		return b, missing("nothing is bundled")
	}
	version, err := os.ReadFile(filepath.Join(b.dir, "tailscaled.version"))
	if err == nil {
		b.sums, err = readBundleSums(b.dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return b, missing("nothing is bundled in %s", b.dir)
	}
	if err != nil {
		return b, fmt.Errorf("reading the bundle: %w", err)
	}
	if b.sums[b.name] == "" || b.sums[b.packedName()] == "" {
		return b, missing("nothing is bundled for %s", in.platform())
	}
	b.version = strings.TrimSpace(string(version))
	return b, nil
}

// readBundleSums reads the sums of the files and, if they are there, those of
// their spans.
func readBundleSums(dir string) (sums, error) {
	all, err := readSums(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		return nil, err
	}
	spans, err := readSums(filepath.Join(dir, "tailscaled.spans"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	maps.Copy(all, spans)
	return all, nil
}

func (b bundled) packedName() string { return b.name + ".zst" }

// programName is the tailjoin of the same release, which the daemon is packed
// against.
func (b bundled) programName() string {
	name := strings.Replace(b.name, "tailscaled", "tailjoin", 1)
	if strings.HasPrefix(name, "tailjoin-windows-") {
		name += ".exe"
	}
	return name
}

func (b bundled) path(name string) string { return filepath.Join(b.dir, name) }

// bundledVersion is the version that the bundle has, or would have.
func (in Install) bundledVersion() string {
	if b, err := in.openBundle(); err == nil {
		return b.version
	}
	return ownVersion()
}

// bundle returns the bundled tailscaled, which stays unpacked in the cache. It
// is hashed each time, and need not be run for its version.
func (in Install) bundle(ctx context.Context) (Binary, error) {
	if in.SHA256 != "" {
		return Binary{}, missing("not looked at: sha256sum asks for an archive")
	}
	b, err := in.openBundle()
	if err != nil {
		return Binary{}, err
	}
	binary := b.binary(in)
	if err := in.accept(binary); err != nil {
		return Binary{}, err
	}
	binary.file, err = in.openUnpacked(b, binary)
	if binary.file != nil || err != nil {
		binary.Source = "cache"
		return binary, err
	}
	binary.Source = "bundle"
	binary.file, err = in.unpackBundle(ctx, b, binary)
	return binary, err
}

// binary is what b is once it is unpacked: tailscale is a link to tailscaled,
// which goes by the name it is called by. On Windows, where a link takes a right
// that most users lack, both are one file.
func (b bundled) binary(in Install) Binary {
	dir := in.entry(b.version, "small")
	binary := Binary{Daemon: filepath.Join(dir, in.program("tailscaled")), CLI: filepath.Join(dir, "tailscale"), Version: b.version}
	if in.os() == "windows" {
		binary.CLI = binary.Daemon
	}
	return binary
}

// isLinked reports that tailscale leads to tailscaled.
func (b Binary) isLinked() bool {
	target, _ := os.Readlink(b.CLI)
	return b.CLI == b.Daemon || target == "tailscaled"
}

// openUnpacked opens what the cache has of b, if every byte is as it should be.
// It returns nil for a file that is missing or was changed.
func (in Install) openUnpacked(b bundled, binary Binary) (*os.File, error) {
	if err := in.checkCache(filepath.Dir(binary.Daemon)); err != nil {
		return nil, in.unusable(err)
	}
	f, err := openOwned(binary.Daemon, rootAndUs())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		if err = b.check(f, binary); err == nil {
			return f, in.ofNoexec(filepath.Dir(binary.Daemon))
		}
		f.Close()
	}
	in.log().Warn("a cached tailscaled was changed: it is replaced", "file", binary.Daemon, "error", err)
	return nil, nil
}

var errChanged = errors.New("it is not the bundled file")

// check returns an error unless f is the unpacked file and can be run, and
// tailscale leads to it.
func (b bundled) check(f *os.File, binary Binary) error {
	same, err := b.sums.match(b.name, f)
	if err != nil {
		return err
	}
	if !same || !binary.isLinked() || !isProgram(f) {
		return errChanged
	}
	return nil
}

// unpackBundle puts tailscaled and tailscale where binary says, and returns
// tailscaled opened.
func (in Install) unpackBundle(ctx context.Context, b bundled, binary Binary) (*os.File, error) {
	scratch, err := in.scratch()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	program := filepath.Base(binary.Daemon)
	f, err := b.unpack(ctx, filepath.Join(scratch, program))
	if err != nil {
		return nil, in.ofCache(err)
	}
	names := []string{program}
	if binary.CLI != binary.Daemon {
		names = []string{"tailscale", program} // complete once tailscaled is there
		err = os.Symlink(program, filepath.Join(scratch, "tailscale"))
	}
	if err == nil {
		err = moveAll(scratch, filepath.Dir(binary.Daemon), names...)
	}
	if err != nil {
		f.Close()
		return nil, in.ofCache(err)
	}
	return f, nil
}

// unpack writes the unpacked file to name and verifies what it has written:
// nothing can be wrong with the packed file that this does not show. It returns
// the file that was verified, open for reading.
func (b bundled) unpack(ctx context.Context, name string) (*os.File, error) {
	packed, err := os.ReadFile(b.path(b.packedName()))
	if err != nil {
		return nil, b.damaged(err)
	}
	frames, err := b.frames(packed)
	if err != nil {
		return nil, b.explain(err)
	}
	program, err := os.ReadFile(b.path(b.programName()))
	if err != nil {
		return nil, b.damaged(err)
	}
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return nil, fmt.Errorf("unpacking the bundle: %w", err)
	}
	defer out.Close()
	if err := unpackFrames(ctx, out, frames, program); err != nil {
		return nil, b.explainUnpack(ctx, name, err)
	}
	return closeProgram(ctx, out)
}

// explainUnpack says why the packed file did not become the file name: it is
// damaged, unless we were cancelled or the disk refused what was written.
func (b bundled) explainUnpack(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("unpacking the bundle: %w", context.Cause(ctx))
	}
	if disk, ok := errors.AsType[*fs.PathError](err); ok && disk.Path == name {
		return fmt.Errorf("unpacking the bundle: %w", err)
	}
	return b.explain(err)
}

// explain is err, unless the packed file or the program that it is packed
// against was changed: that says more.
func (b bundled) explain(err error) error {
	if sum, changed := b.changed(b.packedName()); changed {
		return b.mismatch(b.packedName(), sum, b.sums[b.packedName()])
	}
	if sum, changed := b.changed(b.programName()); changed {
		return b.otherProgram(sum)
	}
	if odd, ok := errors.AsType[*oddPart](err); ok {
		return b.mismatch(b.name+odd.bounds, odd.sum, odd.wanted)
	}
	return b.damaged(err)
}

// changed returns the sum of a file of the bundle that is not the listed one.
func (b bundled) changed(name string) (sum string, changed bool) {
	sum, err := sumFile(b.path(name))
	return sum, err == nil && sum != b.sums[name]
}

func (b bundled) damaged(err error) error {
	return &diag.Problem{
		Code:    "bundle-missing",
		Summary: "the tailscaled that comes with this tailjoin cannot be unpacked",
		Facts:   []diag.Fact{{Name: "file", Value: b.path(b.packedName())}},
		Hint:    "check out this version of tailjoin again, or set install to download",
		Err:     err,
	}
}

func (b bundled) mismatch(name, sum, wanted string) error {
	return &diag.Problem{
		Code:    "checksum-mismatch",
		Summary: "the tailscaled that comes with this tailjoin is not the file it was released with",
		Facts: []diag.Fact{
			{Name: "file", Value: name}, {Name: "sha256", Value: sum}, {Name: "wanted", Value: wanted},
		},
		Hint: "nothing was installed; check out this version of tailjoin anew",
	}
}

func (b bundled) otherProgram(sum string) error {
	return &diag.Problem{
		Code:    "checksum-mismatch",
		Summary: "tailscaled cannot be unpacked: the tailjoin beside it is not the program it was released with",
		Facts: []diag.Fact{
			{Name: "file", Value: b.path(b.programName())}, {Name: "sha256", Value: sum}, {Name: "wanted", Value: b.sums[b.programName()]},
		},
		Hint: "nothing was installed; check out this version of tailjoin again, and take all its files from the same release",
	}
}
