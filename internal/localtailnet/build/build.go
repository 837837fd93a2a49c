// Package build makes a tailscaled and a tailscale to test with, out of the
// module that go.mod pins, and what else tests need a real one of.
//
// What it makes is kept in .build/programs at the module's root and made again
// only when the version, the features, the platform or Go change. Test binaries
// that run at the same time wait for one another. They look at nothing in .build
// but the directory of their kind: go test runs a test again if something
// changed at which it had looked.
package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
	tailscaleroot "tailscale.com"
	"tailscale.com/feature/featuretags"
)

const kept = ".build/programs"

// featuresFile lists what the small daemon keeps, a feature a line. The
// release is built from it too.
const featuresFile = "scripts/daemon.features"

// Version is the version of tailscale.com that go.mod pins: "1.102.5".
func Version() string { return strings.TrimSpace(tailscaleroot.VersionDotTxt) }

// Daemon returns the path of the small daemon that the action carries. The
// same file under the name tailscale, beside it, is the CLI.
//
// The first call takes a minute and a half on two cores.
func Daemon(ctx context.Context) (path string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	list, err := os.ReadFile(filepath.Join(root, featuresFile))
	if err != nil {
		return "", err
	}
	dir, err := build(ctx, root, "small", Version(), map[string]program{
		"tailscaled": {pkg: "tailscale.com/cmd/tailscaled", tags: tags(features(string(list)))},
		"tailscale":  {link: "tailscaled"},
	})
	return filepath.Join(dir, "tailscaled"), err
}

// Full returns the paths of a daemon and a CLI with all features, as Tailscale
// ships them. The first call takes four minutes on two cores.
func Full(ctx context.Context) (tailscaled, tailscale string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", "", err
	}
	dir, err := build(ctx, root, "full", Version(), map[string]program{
		"tailscaled": {pkg: "tailscale.com/cmd/tailscaled"},
		"tailscale":  {pkg: "tailscale.com/cmd/tailscale"},
	})
	return filepath.Join(dir, "tailscaled"), filepath.Join(dir, "tailscale"), err
}

// A program is a package to build, or a link to another program.
type program struct {
	pkg, tags string
	module    string // directory of the go.mod that pins it; "" is the root's
	link      string
}

// args are what go build is given. A build out of a module has to be told its
// version, or it calls itself 1.102.5-ERR-BuildInfo.
func (p program) args() []string {
	if p.module != "" {
		return []string{"build", "-trimpath", "-ldflags=-s -w"}
	}
	v := "-X tailscale.com/version."
	return []string{
		"build", "-trimpath", "-tags=" + p.tags,
		"-ldflags=-s -w " + v + "shortStamp=" + Version() + " " + v + "longStamp=" + Version() + "-tailjoin",
	}
}

func (p program) make(ctx context.Context, root, path string) error {
	if p.link != "" {
		return os.Symlink(p.link, path)
	}
	cmd := exec.CommandContext(ctx, "go", append(p.args(), "-o", path, p.pkg)...)
	cmd.Dir = filepath.Join(root, p.module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", p.pkg, err, out)
	}
	return nil
}

// build returns the directory that holds the programs, made now if need be.
func build(ctx context.Context, root, kind, version string, programs map[string]program) (string, error) {
	dir := filepath.Join(root, kept, kind, fmt.Sprintf("%s-%s", version, fingerprint(programs)))
	for _, above := range []string{".build", kept, filepath.Join(kept, kind)} { // os.MkdirAll would look at each, too
		if err := os.Mkdir(filepath.Join(root, above), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(filepath.Dir(dir), "lock")).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, fill(ctx, root, dir, programs)
}

// fill makes the programs and, when all are there, the directory: what it is
// called is complete.
func fill(ctx context.Context, root, dir string, programs map[string]program) error {
	temp, err := os.MkdirTemp(filepath.Dir(dir), "making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	for name, p := range programs {
		if err := p.make(ctx, root, filepath.Join(temp, name)); err != nil {
			return err
		}
	}
	if err := os.Chmod(temp, 0o755); err != nil { // tests run the daemon as other users, too
		return err
	}
	return os.Rename(temp, dir)
}

// fingerprint names all that the programs depend on, beside the version.
func fingerprint(programs map[string]program) string {
	var parts []string
	for name, p := range programs {
		parts = append(parts, fmt.Sprint(name, p.link, p.pkg, p.args()))
	}
	slices.Sort(parts)
	parts = append(parts, runtime.Version(), cmp.Or(os.Getenv("GOOS"), runtime.GOOS), cmp.Or(os.Getenv("GOARCH"), runtime.GOARCH))
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\n"))))[:8]
}

// features are the lines of a list, less comments.
func features(list string) (names []featuretags.FeatureTag) {
	for line := range strings.Lines(list) {
		line, _, _ = strings.Cut(line, "#")
		if name := strings.TrimSpace(line); name != "" {
			names = append(names, featuretags.FeatureTag(name))
		}
	}
	return names
}

// tags leave out every feature that is not kept and that no kept one needs:
// what tailscale.com/cmd/featuretags --min --add=… prints.
func tags(kept []featuretags.FeatureTag) string {
	needed := map[featuretags.FeatureTag]bool{}
	for _, f := range kept {
		for dep := range featuretags.Requires(f) {
			needed[dep] = true
		}
	}
	var tags []string
	if needed[featuretags.CLI] {
		tags = append(tags, "ts_include_cli")
	}
	for f := range featuretags.Features {
		if !needed[f] && f.IsOmittable() {
			tags = append(tags, f.OmitTag())
		}
	}
	slices.Sort(tags)
	return strings.Join(tags, ",")
}

// moduleRoot is the nearest directory above this process's that holds go.mod:
// go test runs a test where its package is.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod in this directory or above it")
		}
	}
	return "", err
}
