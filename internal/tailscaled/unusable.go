package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/private"
)

// A cacheError is about a directory that tailscaled cannot be kept in, or
// cannot run from.
type cacheError struct{ err error }

func (e *cacheError) Error() string { return e.err.Error() }
func (e *cacheError) Unwrap() error { return e.err }

// A noexecError names a file system from which no program can run.
type noexecError struct{ mount string }

func (e *noexecError) Error() string { return e.mount + " is mounted noexec" }

func (in Install) unusable(err error) error { return &cacheError{err} }

// ofCache makes an error about a file in the cache a *cacheError. Any other
// error stays what it is.
func (in Install) ofCache(err error) error {
	if file, ok := errors.AsType[*fs.PathError](err); ok && contained(file.Path, in.CacheDir) {
		return in.unusable(err)
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok && contained(link.New, in.CacheDir) {
		return in.unusable(err)
	}
	return err
}

// contained reports whether a path is dir, or lies in it.
func contained(path, dir string) bool {
	inside, err := filepath.Rel(dir, path)
	return err == nil && inside != ".." && !strings.HasPrefix(inside, ".."+string(filepath.Separator))
}

// findSomewhere is find, with the session's own directory where the cache
// cannot be used.
func (in Install) findSomewhere(ctx context.Context) (Binary, error) {
	b, err := in.find(ctx)
	failed, ok := errors.AsType[*cacheError](err)
	if ok && in.Own != "" && in.Own != in.CacheDir {
		in.tellUnused(failed)
		in.CacheDir = in.Own
		b, err = in.find(ctx)
		failed, ok = errors.AsType[*cacheError](err)
	}
	if ok {
		err = in.noPlace(failed.err)
	}
	return b, err
}

// tellUnused says why the cache is not used. That others can write to it is no
// warning: it is so on every runner that GitHub hosts, where /opt/hostedtoolcache
// has mode 0777 (actions/runner-images, configure-environment.sh).
func (in Install) tellUnused(failed *cacheError) {
	if shared, ok := errors.AsType[*private.Error](failed); ok {
		in.log().Info("not using the cache of tailscaled, which other users can change", "cache", in.CacheDir, "because", shared)
		return
	}
	in.log().Warn("the cache of tailscaled cannot be used; unpacking it in the session's directory", "cache", in.CacheDir, "error", failed)
}

// noPlace is the end of an install that has no directory left to try.
func (in Install) noPlace(err error) error {
	if mount, ok := errors.AsType[*noexecError](err); ok {
		return notRunnable(in, mount)
	}
	p := &diag.Problem{
		Code:    "cache-unwritable",
		Summary: "there is no place to unpack tailscaled",
		Facts:   []diag.Fact{{Name: "directory", Value: in.root()}},
		Hint:    "let the job's user write there, " + elsewhere,
		Err:     err,
	}
	if isFull(err) {
		p.Summary = "there is not enough space to unpack tailscaled"
		p.Facts = append(p.Facts, diag.Fact{Name: "needed", Value: fmt.Sprintf("%d MB", in.space()>>20)})
		p.Hint = "free some space there, " + elsewhere
	}
	return p
}

const elsewhere = "or set --session, RUNNER_TEMP or TMPDIR to a directory on another file system"

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// spaceForArchive is for an archive of Tailscale's, unpacked beside itself.
const spaceForArchive = 120 << 20

// space is how much an install takes, with a margin.
func (in Install) space() int64 {
	if b, err := in.openBundle(); err == nil && in.accept(b.binary(in)) == nil && in.Mode != Download {
		if size := b.size(); size > 0 {
			return size + 1<<20
		}
	}
	return spaceForArchive
}
