//go:build linux

package machine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/tailjoin/tailjoin/internal/pack"
	tailscaleroot "tailscale.com"
)

// kept is below the repository's root: programs that are compiled for a machine, made again only if they have to be.
const kept = ".build/programs/windows"

// lacking is what Go's standard library asks of Windows 10 and wine 8 does not have, with what does for a test. Nothing else of a
// program is changed.
var lacking = []struct{ file, old, new string }{
	// bcryptprimitives.dll: an older library has a function that does the same.
	{"runtime/os_windows.go", "{'b', 'c', 'r', 'y', 'p', 't', 'p', 'r', 'i', 'm', 'i', 't', 'i', 'v', 'e', 's', '.', 'd', 'l', 'l', 0}", "{'a', 'd', 'v', 'a', 'p', 'i', '3', '2', '.', 'd', 'l', 'l', 0}"},
	{"runtime/os_windows.go", `"ProcessPrng\000"`, `"SystemFunction036\000"`},
	{"internal/syscall/windows/zsyscall_windows.go", `sysdll.Add("bcryptprimitives.dll")`, `sysdll.Add("advapi32.dll")`},
	{"internal/syscall/windows/zsyscall_windows.go", `NewProc("ProcessPrng")`, `NewProc("SystemFunction036")`},
	// SIO_UDP_NETRESET: set a like option twice.
	{"net/fd_windows.go", "windows.SIO_UDP_NETRESET", "syscall.SIO_UDP_CONNRESET"},
	// FileDispositionInformationEx: delete as on Windows 8, which Go does by itself if Windows says that it is older.
	{"internal/syscall/windows/at_windows.go", "if TestDeleteatFallback {", "if true {"},
}

// linkGo makes a link to the Go of this module: an overlay may not name a file
// of the module cache, where a Go that was fetched is, but it may name it by a
// link.
func linkGo(ctx context.Context, dir string) (goroot string, err error) {
	real, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	target := strings.TrimSpace(string(real))
	goroot = filepath.Join(dir, "go")
	if old, err := os.Readlink(goroot); err == nil && old == target {
		return goroot, nil
	}
	return goroot, errors.Join(os.RemoveAll(goroot), os.Symlink(target, goroot))
}

// overlay writes the changed files, and the list by which go build finds them.
func overlay(goroot, dir string) (list string, err error) {
	changed, replace := map[string]string{}, map[string]string{}
	for _, l := range lacking {
		source := filepath.Join(goroot, "src", l.file)
		if changed[source] == "" {
			content, err := os.ReadFile(source)
			if err != nil {
				return "", err
			}
			changed[source] = string(content)
		}
		if n := strings.Count(changed[source], l.old); n != 1 {
			return "", fmt.Errorf("%s has %q %d times, want once: adapt the table of this test to this Go", source, l.old, n)
		}
		changed[source] = strings.Replace(changed[source], l.old, l.new, 1)
	}
	for source, content := range changed {
		name := filepath.Join(dir, filepath.Base(source))
		if err := write(name, content); err != nil {
			return "", err
		}
		replace[source] = name
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list = filepath.Join(dir, "overlay.json")
	return list, write(list, string(text))
}

// write leaves a file alone that is as it should be.
func write(name, content string) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == content {
		return nil
	}
	return os.WriteFile(name, []byte(content), 0o755)
}

// Build compiles for a machine the quickest way: args begin with the command, go build or go test -c. It returns the
// program's path.
func Build(ctx context.Context, root, name string, args ...string) (path string, err error) {
	dir, err := filepath.Abs(filepath.Join(root, kept))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	goroot, err := linkGo(ctx, dir)
	if err != nil {
		return "", err
	}
	list, err := overlay(goroot, dir)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, name)
	flags := []string{args[0], "-trimpath", "-overlay", list, "-gcflags=all=-N -l -dwarf=false", "-o", path}
	cmd := exec.CommandContext(ctx, filepath.Join(goroot, "bin", "go"), slices.Concat(flags, args[1:])...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOROOT="+goroot, "GOTOOLCHAIN=local", "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// Release compiles the program and the small daemon, and puts them into a directory as a release has them.
func Release(ctx context.Context, root string) (dir string, err error) {
	program, err := tagged(ctx, root, "tailjoin.exe", "program-tags", "-ldflags=-w", "./cmd/action")
	if err != nil {
		return "", err
	}
	pipe, err := printed(ctx, root, "daemon-pipe", "windows")
	if err != nil {
		return "", err
	}
	version, stamp := strings.TrimSpace(tailscaleroot.VersionDotTxt), "-X tailscale.com/version."
	daemon, err := tagged(ctx, root, "tailscaled.exe", "daemon-tags",
		"-ldflags=-w "+stamp+"shortStamp="+version+" "+stamp+"longStamp="+version+"-tailjoin "+pipe, "tailscale.com/cmd/tailscaled")
	if err != nil {
		return "", err
	}
	dir = filepath.Join(filepath.Dir(daemon), "release")
	return dir, release(dir, program, daemon, version)
}

// tagged builds with the tags that a script prints.
func tagged(ctx context.Context, root, name, script string, args ...string) (path string, err error) {
	tags, err := printed(ctx, root, script)
	if err != nil {
		return "", err
	}
	return Build(ctx, root, name, append([]string{"build", "-tags", tags}, args...)...)
}

// printed is what one of the repository's scripts prints.
func printed(ctx context.Context, root, script string, args ...string) (string, error) {
	text, err := exec.CommandContext(ctx, filepath.Join(root, "scripts", script), args...).Output()
	if err != nil {
		return "", fmt.Errorf("running %s: %w", script, err)
	}
	return strings.TrimSpace(string(text)), nil
}

func release(dir, programFile, daemonFile, version string) error {
	program, err := os.ReadFile(programFile)
	if err != nil {
		return err
	}
	daemon, err := os.ReadFile(daemonFile)
	if err != nil {
		return err
	}
	const name = "tailscaled-windows-amd64"
	packed, spans, err := pack.Pack(name, daemon, program, zstd.SpeedFastest)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for file, content := range map[string]string{
		Program: string(program), name + ".zst": string(packed), "tailscaled.version": version + "\n", "tailscaled.spans": spans,
		"SHA256SUMS": fmt.Sprintf("%x  %s\n%x  %s.zst\n%x  %s\n", sha256.Sum256(daemon), name, sha256.Sum256(packed), name, sha256.Sum256(program), Program),
	} {
		if err := write(filepath.Join(dir, file), content); err != nil {
			return err
		}
	}
	return nil
}

// Program is the name of the program in a release.
const Program = "tailjoin-windows-amd64.exe"
