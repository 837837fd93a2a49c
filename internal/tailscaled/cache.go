package tailscaled

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tailjoin/tailjoin/internal/lazy"
)

// The cache, in a directory that other jobs of this user may have written to,
// so that nothing in it is trusted. One that other users can write to is not
// used at all: they could exchange a file after it was verified.
//
//	tailscaled/1.102.5/linux-amd64-small/   the bundle unpacked; hashed on each use
//	tailscaled/1.102.5/linux-amd64/         an archive unpacked; written anew on each use
//	tailscaled/packages/                    archives and signatures, as on a package server
//	tailscaled/.unpack-SESSION-*            work in progress of one join
//
// A file appears under its name by rename, after it was verified. Joins at the
// same time write the same bytes.

// entry is where the binaries of a version are.
func (in Install) entry(version, build string) string {
	name := in.platform()
	if build != "" {
		name += "-" + build
	}
	return filepath.Join(in.root(), version, name)
}

func (in Install) root() string { return filepath.Join(in.CacheDir, "tailscaled") }

const scratchPrefix = ".unpack-"

// abandoned is the age at which work in progress is nobody's any more.
const abandoned = time.Hour

// scratch makes a directory of mode 0700 in the cache for work in progress. It
// removes what killed processes left of theirs. Its errors are *cacheErrors.
func (in Install) scratch() (string, error) {
	if in.CacheDir == "" {
		return "", errors.New("unpacking tailscaled: no cache directory is set")
	}
	if err := in.makeRoot(); err != nil {
		return "", in.unusable(err)
	}
	old, _ := filepath.Glob(filepath.Join(in.root(), scratchPrefix+"*"))
	for _, dir := range old {
		if info, err := os.Lstat(dir); err == nil && time.Since(info.ModTime()) > abandoned {
			os.RemoveAll(dir)
		}
	}
	dir, err := os.MkdirTemp(in.root(), scratchPrefix+in.Session+"-")
	if err != nil {
		return "", in.unusable(err)
	}
	return dir, nil
}

// makeRoot makes the cache's own directory, and checks it before and after:
// in a place such as /tmp another user may be quicker.
func (in Install) makeRoot() error {
	if err := in.checkCache(in.root()); err != nil {
		return err
	}
	if err := os.MkdirAll(in.root(), 0o755); err != nil {
		return err
	}
	return errors.Join(in.checkCache(in.root()), CheckNoexec(in.root()))
}

// ofNoexec is a *cacheError if no program can run from a directory.
func (in Install) ofNoexec(dir string) error {
	if err := CheckNoexec(dir); err != nil {
		return in.unusable(err)
	}
	return nil
}

// checkCache says why a path in the cache is not safe from other users. The
// session's directory was checked when it was made.
func (in Install) checkCache(path string) error {
	if in.CacheDir == in.Own {
		return nil
	}
	return checkPath(path, rootAndUs())
}

// sessionName is what can be the name of a session.
const sessionName lazy.Pattern = `^[A-Za-z0-9]+$`

// Discard removes the work in progress of a session whose process was killed.
// CacheDir and Session may come from a place that is not trusted: only what
// has the name of such work is removed.
func (in Install) Discard() error {
	if in.CacheDir == "" || !sessionName.Matches(in.Session) {
		return nil
	}
	left, _ := filepath.Glob(filepath.Join(in.root(), scratchPrefix+in.Session+"-*"))
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing what was being unpacked: %w", err)
		}
	}
	return nil
}

// moveAll moves files from one directory of the cache to another, which is made
// if need be.
func moveAll(from, to string, names ...string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("installing tailscaled: %w", err)
	}
	for _, name := range names {
		if err := replace(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return fmt.Errorf("installing tailscaled: %w", err)
		}
	}
	return nil
}

// replace renames from to to, whatever is there. A directory must go first.
func replace(from, to string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// packages is where archives and their signatures are kept.
func (in Install) packages() string { return filepath.Join(in.root(), "packages") }

// keep puts a verified archive into the cache, with its signature. A cache
// that cannot be written to is no reason to fail: the next job downloads.
func (in Install) keep(s shelf, got received) {
	if s.source == "cache" {
		return
	}
	if err := in.tryKeep(got); err != nil {
		in.log().Debug("not keeping the archive of tailscaled", "error", err)
	}
}

func (in Install) tryKeep(got received) error {
	if in.sumOf(got.path) == "" {
		for _, p := range got.chain.parts(got.path) {
			if err := in.keepPart(got.dir, p); err != nil {
				return err
			}
		}
	}
	return in.keepFile(got.asReceived(), got.path)
}

func (in Install) keepPart(scratch string, p part) error {
	name := filepath.Join(scratch, "part")
	if err := os.WriteFile(name, *p.content, 0o644); err != nil {
		return err
	}
	return in.keepFile(name, p.path)
}

func (in Install) keepFile(name, path string) error {
	target := filepath.Join(in.packages(), filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return replace(name, target)
}
