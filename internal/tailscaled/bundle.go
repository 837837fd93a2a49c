package tailscaled

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// A bundled is the tailscaled that comes with this tailjoin for one platform:
// one file, tailscaled and tailscale in one, packed with zstd. Its sums, packed
// and unpacked, are in the same commit. There is none for Windows, where a
// daemon needs a driver that only Tailscale's MSI brings.
type bundled struct {
	dir     string
	name    string // "tailscaled-linux-amd64"
	version string
	sums    sums // of name, of its spans, and of name + ".zst"
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
	binary.file, err = in.unpackBundle(ctx, b, filepath.Dir(binary.Daemon))
	return binary, err
}

// binary is what b is once it is unpacked: tailscale is a link to tailscaled,
// which goes by the name it is called by.
func (b bundled) binary(in Install) Binary {
	dir := in.entry(b.version, "small")
	return Binary{Daemon: filepath.Join(dir, "tailscaled"), CLI: filepath.Join(dir, "tailscale"), Version: b.version}
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
	if target, _ := os.Readlink(binary.CLI); !same || target != "tailscaled" || !isProgram(f) {
		return errChanged
	}
	return nil
}

// unpackBundle puts tailscaled and tailscale into dir, and returns tailscaled
// opened.
func (in Install) unpackBundle(ctx context.Context, b bundled, dir string) (*os.File, error) {
	scratch, err := in.scratch()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	f, err := b.unpack(ctx, filepath.Join(scratch, "tailscaled"))
	if err != nil {
		return nil, in.ofCache(err)
	}
	err = os.Symlink("tailscaled", filepath.Join(scratch, "tailscale"))
	if err == nil {
		err = moveAll(scratch, dir, "tailscale", "tailscaled") // complete once tailscaled is there
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
	in, err := os.Open(filepath.Join(b.dir, b.packedName()))
	if err != nil {
		return nil, b.damaged(err)
	}
	defer in.Close()
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return nil, fmt.Errorf("unpacking the bundle: %w", err)
	}
	defer out.Close()
	h := sha256.New()
	if err := unzstd(io.MultiWriter(out, h), contextReader{ctx, in}); err != nil {
		return nil, b.explainUnpack(ctx, name, err)
	}
	if sum := hexSum(h); sum != b.sums[b.name] {
		return nil, b.explain(b.mismatch(b.name, sum))
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
	return b.explain(b.damaged(err))
}

// size is the size of the unpacked file, as the packed one announces it; 0 if it
// does not.
func (b bundled) size() int64 {
	packed, err := os.Open(filepath.Join(b.dir, b.packedName()))
	if err != nil {
		return 0
	}
	defer packed.Close()
	start := make([]byte, zstd.HeaderMaxSize)
	n, _ := io.ReadFull(packed, start)
	var h zstd.Header
	if err := h.Decode(start[:n]); err != nil || !h.HasFCS {
		return 0
	}
	return int64(h.FrameContentSize)
}

// explain is err, unless the packed file is another than the commit's: that
// says more.
func (b bundled) explain(err error) error {
	sum, readErr := sumFile(filepath.Join(b.dir, b.packedName()))
	if readErr == nil && sum != b.sums[b.packedName()] {
		return b.mismatch(b.packedName(), sum)
	}
	return err
}

// ahead is how many blocks are decoded beside the writing and hashing of those
// before them. With 4 the two cores of a small runner are both busy: a daemon
// of 19 MB takes 26 ms, with 2 it takes 33.
const ahead = 4

// unzstd decodes all of r, no more than a tailscaled can be.
func unzstd(w io.Writer, r io.Reader) error {
	decoder, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(ahead))
	if err != nil {
		return err
	}
	defer decoder.Close()
	n, err := io.Copy(w, io.LimitReader(decoder, largestFile+1))
	if err == nil && n > largestFile {
		err = errTooLarge
	}
	return err
}

func (b bundled) damaged(err error) error {
	return &diag.Problem{
		Code:    "bundle-missing",
		Summary: "the tailscaled that comes with this tailjoin cannot be unpacked",
		Facts:   []diag.Fact{{Name: "file", Value: filepath.Join(b.dir, b.packedName())}},
		Hint:    "check out this version of tailjoin again, or set install to download",
		Err:     err,
	}
}

func (b bundled) mismatch(name, sum string) error {
	return &diag.Problem{
		Code:    "checksum-mismatch",
		Summary: "the tailscaled that comes with this tailjoin is not the file it was released with",
		Facts: []diag.Fact{
			{Name: "file", Value: name}, {Name: "sha256", Value: sum}, {Name: "wanted", Value: b.sums[name]},
		},
		Hint: "nothing was installed; check out this version of tailjoin anew",
	}
}
