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

// linkCLI lets later steps say `tailjoin token get`; and `tailscale status`, as
// long as that does not mean another daemon: the host's, or that of an earlier
// join.
func (j *joining) linkCLI(ctx context.Context) error {
	if err := j.linkSelf(); err != nil {
		return err
	}
	if j.result.TUN {
		return j.linkForAll(ctx)
	}
	if tailscaled.Answers(tailscaled.DefaultSocket) || isWrapper("tailscale") {
		return nil
	}
	return j.linkForSteps()
}

// stepsDir is on the PATH of later steps, and goes with the session.
func (j *joining) stepsDir() (string, error) {
	dir := filepath.Join(j.Dir, "bin")
	if exists(dir) {
		return dir, nil
	}
	if err := j.session.dir.Mkdir(filepath.Base(dir), 0o700); err != nil {
		return "", err
	}
	return dir, j.Path(dir)
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
func (l *leaving) unlink(ctx context.Context) error {
	if l.bySudo() {
		tailscaled.AwaitRoot(ctx, l.session.dir.Path, os.Geteuid(), "link")
	}
	for _, made := range l.session.Links {
		if filepath.Dir(made.Path) != binDir {
			continue
		}
		if err := tailscaled.Link(made).Remove(ctx, l.bySudo(), l.Self, l.session.dir.Path); err != nil {
			return fmt.Errorf("removing a link: %w", err)
		}
	}
	return nil
}

// unlinkLost removes the link that linkForAll made, if the session that said so
// is lost: it leads into the session or the cache.
func unlinkLost(ctx context.Context, r LeaveRequest, d Deps, sudo bool) error {
	path := filepath.Join(binDir, "tailscale")
	target, err := os.Readlink(path)
	inCache := r.CacheDir != "" && isBelow(target, filepath.Join(r.CacheDir, "tailscaled"))
	if err != nil || !inCache && !isBelow(target, r.Dir) {
		return nil
	}
	if err := (tailscaled.Link{Path: path, Target: target}).Remove(ctx, sudo, d.Self, r.Dir); err != nil {
		return fmt.Errorf("removing a link: %w", err)
	}
	return nil
}

func isBelow(path, dir string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(relative)
}
