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
	"slices"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// host looks for a tailscaled and a tailscale that the machine has. Only the
// files are used: a daemon that runs is not spoken to.
func (in Install) host(ctx context.Context) (Binary, error) {
	if in.SHA256 != "" {
		return Binary{}, missing("not looked at: sha256sum asks for an archive")
	}
	daemon, daemonErr := in.lookUp("tailscaled")
	cli, cliErr := in.lookUp("tailscale")
	if err := cmp.Or(daemonErr, cliErr); err != nil {
		return Binary{}, err
	}
	b, err := examine(ctx, daemon, cli)
	if err != nil {
		return Binary{}, missing("%v", err)
	}
	b.Source = "host"
	if err := in.accept(b); err != nil {
		return Binary{}, err
	}
	return b, nil
}

// named takes the tailscaled at Path, and explains itself if it does not fit:
// the user has named it. An old version is fine as long as none is asked for.
func (in Install) named(ctx context.Context) (Binary, error) {
	b, err := in.examineNamed(ctx)
	if err == nil {
		err = in.acceptNamed(b)
	}
	if err != nil {
		return Binary{}, &diag.Problem{
			Code:    "not-installed",
			Summary: "tailscale-path does not lead to a tailscaled that fits",
			Facts:   []diag.Fact{{Name: "tailscale-path", Value: in.Path}, {Name: "wanted", Value: in.wishes()}},
			Hint:    "name a directory that holds tailscaled and tailscale, or the tailscaled beside its tailscale",
			Err:     err,
		}
	}
	return b, nil
}

func (in Install) examineNamed(ctx context.Context) (Binary, error) {
	daemon, err := filepath.Abs(in.Path)
	if err != nil {
		return Binary{}, err
	}
	info, err := os.Stat(daemon)
	if err != nil {
		return Binary{}, err
	}
	if info.IsDir() {
		daemon = filepath.Join(daemon, in.program("tailscaled"))
	}
	b, err := examine(ctx, daemon, filepath.Join(filepath.Dir(daemon), in.program("tailscale")))
	b.Source = "path"
	return b, err
}

func (in Install) acceptNamed(b Binary) error {
	if in.Version == "" {
		return in.acceptFeatures(b)
	}
	return in.accept(b)
}

// accept returns an absent if b is not what is wanted.
func (in Install) accept(b Binary) error {
	if !in.fits(b.Version) {
		return missing("%s is %s", b.Daemon, b.Version)
	}
	return in.acceptFeatures(b)
}

func (in Install) acceptFeatures(b Binary) error {
	if in.Full && !b.Full {
		return missing("%s is built without some features", b.Daemon)
	}
	return nil
}

// examine reads what there is to know of two files of the host.
func examine(ctx context.Context, daemon, cli string) (Binary, error) {
	if !isExecutable(daemon) || !isExecutable(cli) {
		return Binary{}, fmt.Errorf("%s and %s are not both programs", daemon, cli)
	}
	version, err := askVersion(ctx, daemon, nil)
	if err != nil {
		return Binary{}, err
	}
	small, err := contains(daemon, omitTag)
	if err != nil {
		return Binary{}, fmt.Errorf("reading %s: %w", daemon, err)
	}
	return Binary{Daemon: daemon, CLI: cli, Version: version, Full: !small}, nil
}

// omitTag is in the build settings that Go leaves in a program, if it was
// built with tags that leave features out. Parsing the file with
// debug/buildinfo says the same and costs 320 KB.
var omitTag = []byte("ts_omit_")

// contains says whether the file holds the bytes of part.
func contains(name string, part []byte) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	window := make([]byte, 1<<20)
	kept := 0 // bytes at the start of window, from the end of the one before
	for {
		n, err := f.Read(window[kept:])
		if bytes.Contains(window[:kept+n], part) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept = copy(window, window[max(0, kept+n-len(part)+1):kept+n])
	}
}

// lookUp returns the path of a program on the search path. It may be run as
// root, so one that other users could change is passed over and not even asked
// for its version: a package manager of the job, for one, puts what it likes
// into node_modules/.bin. An installer for Windows changes the path of later
// processes only.
func (in Install) lookUp(name string) (string, error) {
	lacking := missing("%s is not on its search path", name)
	for _, dir := range slices.Concat(in.SearchPath, []string{programDir()}) {
		path := filepath.Join(dir, in.program(name))
		if !filepath.IsAbs(path) || !isExecutable(path) {
			continue
		}
		if err := checkPath(path, in.mayInstall()); err != nil {
			lacking = missing("%s is not used: %v", path, err)
			continue
		}
		return path, nil
	}
	return "", lacking
}

// mayInstall are the users whose programs are taken from the search path: only
// root, unless the user asks for the machine's tailscaled.
func (in Install) mayInstall() []int {
	if in.Mode == Never {
		return rootAndUs()
	}
	if in.installers != nil {
		return in.installers
	}
	return []int{0}
}

// program is the file name of a program.
func (in Install) program(name string) string {
	if in.os() == "windows" {
		return name + ".exe"
	}
	return name
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && mayRun(info)
}

func isProgram(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && mayRun(info)
}

func mayRun(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || filepath.Ext(info.Name()) == ".exe")
}
