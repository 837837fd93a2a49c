package tailscaled

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/httpurl"
	"tailscale.com/clientupdate/distsign"
	"tailscale.com/util/cmpver"
)

// tailscalePackages is Tailscale's package server.
const tailscalePackages = "https://pkgs.tailscale.com"

// A shelf is where archives are taken from: a package server, or the cache,
// which has the same layout. Both functions return an absent for what is not
// there, and *retry.Later for what may be there on another try.
type shelf struct {
	source string // of the Binary
	name   string // for the reader of a Problem
	roots  []byte // PEM of the root keys that sign here
	open   func(ctx context.Context, path string) (io.ReadCloser, error)
	// newest is the newest version of a track, or of a minor in it.
	newest func(ctx context.Context, track, minor string) (string, error)
}

// A format is how Tailscale packs for one operating system.
type format struct {
	file  string            // with places for a version and an architecture
	archs map[string]string // names that are not Go's

	// permit says why what is fetched could not be used, before it is; nil
	// permits it.
	permit func(ctx context.Context, in Install) error
	// unpack fills a scratch directory, before anything is verified.
	unpack func(ctx context.Context, r io.Reader, dir string) error
	// settle moves what was verified to where it is run.
	settle func(ctx context.Context, in Install, got received, version string) (Binary, error)
}

var formats = map[string]format{
	"linux": {
		file:   "tailscale_%s_%s.tgz",
		unpack: untar,
		settle: settlePrograms,
	},
	"windows": {
		file:   "tailscale-setup-%s-%s.msi",
		archs:  map[string]string{"386": "x86"},
		permit: permitMSI,
		unpack: func(context.Context, io.Reader, string) error { return nil }, // msiexec does it
		settle: settleMSI,
	},
}

// An index is what a package server answers to ?mode=json, as far as it
// matters here: file names by architecture. A release may be made for some
// systems only. Where there is nothing to download the version of Linux counts:
// the bundle may be it.
type index struct {
	TarballsVersion, MSIsVersion string
	Tarballs, MSIs               map[string]string
}

// format returns a Problem where Tailscale has no daemon to download.
func (in Install) format() (format, error) {
	if f, ok := formats[in.os()]; ok {
		return f, nil
	}
	return format{}, &diag.Problem{
		Code:    "install-unsupported",
		Summary: fmt.Sprintf("there is no tailscaled for %s to download", in.platform()),
		Facts:   []diag.Fact{{Name: "wanted", Value: in.wishes()}, {Name: "bundled", Value: in.bundledVersion()}},
		Hint:    "leave out version, and what the bundled tailscaled lacks; or install Tailscale on the machine",
	}
}

// path is where every package server has the archive of a version.
func (f format) path(version, arch string) string {
	return "/" + track(version) + "/" + fmt.Sprintf(f.file, version, cmp.Or(f.archs[arch], arch))
}

// server is the package server at an address.
func (in Install) server(source, address string, roots []byte) shelf {
	address = strings.TrimSuffix(address, "/")
	s := shelf{source: source, name: redacted(address), roots: roots}
	s.open = func(ctx context.Context, path string) (io.ReadCloser, error) {
		return in.get(ctx, address+path)
	}
	s.newest = func(ctx context.Context, track, minor string) (string, error) {
		return in.askIndex(ctx, s, track, minor)
	}
	return s
}

func (in Install) askIndex(ctx context.Context, s shelf, track, minor string) (string, error) {
	i, err := s.index(ctx, track, url.Values{"os": {in.os()}, "v": {minor}})
	if err != nil {
		return "", err
	}
	version := i.TarballsVersion
	if in.os() == "windows" {
		version = i.MSIsVersion
	}
	if !isVersion(version) || !hasMinor(version, minor) {
		return "", missing("%s lists no %s of %s", s.name, cmp.Or(minor, "version"), track)
	}
	return version, nil
}

// index asks a package server what it has. An empty v is the newest.
func (s shelf) index(ctx context.Context, track string, query url.Values) (i index, err error) {
	query.Set("mode", "json")
	if query.Get("v") == "" {
		query.Del("v")
	}
	body, err := s.read(ctx, "/"+track+"/?"+query.Encode(), 1<<20)
	if err != nil {
		return i, err
	}
	if err := json.Unmarshal(body, &i); err != nil {
		return i, fmt.Errorf("reading the list of versions: %w", err)
	}
	return i, nil
}

// shelfInCache is the archives that were verified before. The next reader
// verifies them again.
func (in Install) shelfInCache() shelf {
	s := shelf{source: "cache", name: "the cache", roots: slices.Concat(tailscaleRoots, in.mirrorRoots())}
	s.open = func(_ context.Context, path string) (io.ReadCloser, error) {
		return openCached(filepath.Join(in.packages(), filepath.FromSlash(path)))
	}
	s.newest = func(_ context.Context, track, minor string) (string, error) {
		return in.newestCached(track, minor)
	}
	return s
}

func (in Install) newestCached(track, minor string) (string, error) {
	f, err := in.format()
	if err != nil {
		return "", err
	}
	pattern := path.Base(f.path(minor+".*", in.arch()))
	files, _ := filepath.Glob(filepath.Join(in.packages(), track, pattern))
	before, after, _ := strings.Cut(pattern, "*")
	newest := ""
	for _, file := range files {
		patch := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), before), after)
		if cmpver.Compare(patch, newest) > 0 {
			newest = patch
		}
	}
	if !isVersion(newest) {
		return "", missing("it has no %s", minor)
	}
	return minor + "." + newest, nil
}

// resolveTrack turns latest and unstable into the version they stand for now.
func (in Install) resolveTrack(ctx context.Context) (Install, error) {
	w, err := parseWish(in.Version)
	if err != nil || w.track == "" {
		return in, err
	}
	var missed []diag.Fact
	for _, s := range in.servers() {
		version, err := in.newestOn(ctx, s, w.track, "")
		if err == nil {
			in.Version = version
			return in, nil
		}
		err = in.failed(s, "/"+w.track+"/?mode=json", err)
		miss, ok := errors.AsType[*absent](err)
		if !ok {
			return in, withMisses(err, missed)
		}
		missed = append(missed, diag.Fact{Name: s.source, Value: miss.why})
	}
	return in, in.unknown(missed)
}

// servers are the package servers, the user's first.
func (in Install) servers() []shelf {
	if in.Mirror == "" {
		return []shelf{in.tailscaleShelf()}
	}
	return []shelf{in.mirrorShelf(), in.tailscaleShelf()}
}

// versionOn is the one version that a shelf is to be asked for.
func (in Install) versionOn(ctx context.Context, s shelf) (string, error) {
	w, err := parseWish(in.Version)
	switch {
	case err != nil:
		return "", err
	case w.exact != "":
		return w.exact, nil
	case w.minor != "":
		return in.newestOn(ctx, s, track(w.minor), w.minor)
	}
	return in.bundledVersion(), nil
}

// newestOn returns the newest version of a track, or of a minor in it. An index
// is not signed, and every old release still is: one that offers less than the
// bundled version would take the job back to holes that are known.
func (in Install) newestOn(ctx context.Context, s shelf, track, minor string) (string, error) {
	version, err := s.newest(ctx, track, minor)
	bundled := in.bundledVersion()
	if err == nil && hasMinor(bundled, minor) && cmpver.Compare(version, bundled) < 0 {
		return "", missing("%s offers %s, which is older than the bundled %s", s.name, version, bundled)
	}
	return version, err
}

func (in Install) mirrorShelf() shelf {
	roots := in.mirrorRoots()
	if len(roots) == 0 {
		roots = tailscaleRoots
	}
	return in.server("mirror", in.Mirror, roots)
}

// mirrorRoots is RootKey without blank lines around it, which are no PEM.
func (in Install) mirrorRoots() []byte { return bytes.TrimSpace(in.RootKey) }

func (in Install) tailscaleShelf() shelf {
	return in.server("download", cmp.Or(in.Packages, tailscalePackages), tailscaleRoots)
}

// checkMirror says what is wrong with the address and the key of a mirror. The
// error does not have the address, which may hold a password.
func (in Install) checkMirror() error {
	if in.Mirror == "" {
		return nil
	}
	if _, err := httpurl.Parse(in.Mirror); err != nil {
		return diag.Input("the mirror is not the address of a package server", "write it as https://host/path; only a loopback address may be http://")
	}
	if _, err := distsign.ParseRootKeyBundle(in.mirrorRoots()); err != nil && len(in.RootKey) > 0 {
		return diag.Input("the root key of the mirror is not one", "write it as PEM, a block ROOT PUBLIC KEY, as distsign makes it")
	}
	return nil
}

// redacted is an address without a password that may be in it.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the mirror"
	}
	return u.Redacted()
}
