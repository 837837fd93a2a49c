package join

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// binDir is where `tailscale` is found by every user, under sudo too.
const binDir = "/usr/local/bin"

// linkCLI lets later steps say `tailscale status`, as long as that name does
// not mean another daemon: the host's, or that of an earlier join.
func (j *joining) linkCLI() error {
	if j.result.TUN {
		return j.linkForAll()
	}
	if tailscaled.Answers(tailscaled.DefaultSocket) || has("tailscale") {
		return nil
	}
	return j.linkForSteps()
}

// linkForAll links the program where everybody looks. The daemon's socket is
// the default one, so nothing else is needed.
func (j *joining) linkForAll() error {
	path := filepath.Join(binDir, "tailscale")
	if has("tailscale") || exists(path) {
		return nil
	}
	made := link{path, j.result.Binary.CLI}
	if err := j.session.note(func(r *record) { r.Links = append(r.Links, made) }); err != nil {
		return err
	}
	if err := os.Symlink(made.Target, made.Path); err != nil {
		return j.linkForSteps()
	}
	return nil
}

// linkForSteps puts a `tailscale` on the PATH of later steps that speaks to
// our socket.
func (j *joining) linkForSteps() error {
	dir := filepath.Join(j.Dir, "bin")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' --socket='%s' \"$@\"\n", j.result.Binary.CLI, j.result.Socket)
	if err := os.WriteFile(filepath.Join(dir, "tailscale"), []byte(script), 0o700); err != nil {
		return err
	}
	return j.Path(dir)
}

func has(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// unlink removes the links that still are what we made. The session's file is
// data from an untrusted place: only a link in binDir is ever removed.
func (l *leaving) unlink(context.Context) error {
	for _, made := range l.session.Links {
		if filepath.Dir(made.Path) != binDir {
			continue
		}
		if target, err := os.Readlink(made.Path); err != nil || target != made.Target {
			continue
		}
		if err := os.Remove(made.Path); err != nil {
			return fmt.Errorf("removing a link: %w", err)
		}
	}
	return nil
}
