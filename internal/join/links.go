package join

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

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

// linkForAll links the program where everybody looks. The daemon's socket is
// the default one, so nothing else is needed.
func (j *joining) linkForAll(ctx context.Context) error {
	path := filepath.Join(binDir, "tailscale")
	if has("tailscale") {
		return nil
	}
	if exists(path) { // it leads nowhere, and is not ours to replace
		return j.linkForSteps()
	}
	target, err := j.cliForAll()
	if err != nil {
		return err
	}
	made := link{path, target}
	if err := j.session.note(func(r *record) { r.Links = append(r.Links, made) }); err != nil {
		return err
	}
	if err := tailscaled.Link(made).Make(ctx, j.session.Daemon.Sudo, j.Self, j.session.dir.Path); err != nil {
		j.Log.Info("no `tailscale` for sudo to find", "because", err)
		return j.linkForSteps()
	}
	return nil
}

// cliForAll is what everybody's `tailscale` is: the program, or for the small
// build a script that knows what that lacks.
func (j *joining) cliForAll() (string, error) {
	cli := j.result.Binary.CLI
	if j.result.Binary.Full || runtime.GOOS == "windows" {
		return cli, nil
	}
	path := filepath.Join(j.Dir, "tailscale.sh")
	return path, j.writeScript(filepath.Base(path), "#!/bin/sh\n"+calling(cli, false))
}

// wrapper begins the scripts of linkForSteps.
const wrapper = "#!/bin/sh\n# made by tailjoin\n"

// linkForSteps puts a `tailscale` on the PATH of later steps that speaks to
// our socket. On a disk without programs no step can run it.
func (j *joining) linkForSteps() error {
	dir, err := j.stepsDir()
	if err != nil {
		return err
	}
	if err := tailscaled.CheckNoexec(dir); err != nil {
		j.Log.Warn("`tailscale` cannot be run by its name: call it by its path, with --socket",
			"because", err, "path", j.result.Binary.CLI, "socket", j.result.Socket)
	}
	script := wrapper + calling(j.result.Binary.CLI, j.result.Binary.Full, "--socket="+j.result.Socket)
	return j.writeScript("bin/tailscale", script)
}

// writeScript makes a new file in the session.
func (j *joining) writeScript(name, content string) error {
	file, err := j.session.dir.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Close())
}

// linkSelf puts this program on the PATH of later steps, unless there is one.
// On Windows not every user may make a link, so there it is not.
func (j *joining) linkSelf() error {
	if has("tailjoin") || runtime.GOOS == "windows" {
		return nil
	}
	if _, err := j.stepsDir(); err != nil {
		return err
	}
	return j.session.dir.Symlink(j.Self, "bin/tailjoin")
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

// isWrapper reports that the name leads to the script of an earlier join.
func isWrapper(program string) bool {
	path, err := exec.LookPath(program)
	if err != nil {
		return false
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	start := make([]byte, len(wrapper))
	_, err = io.ReadFull(file, start)
	return err == nil && string(start) == wrapper
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
