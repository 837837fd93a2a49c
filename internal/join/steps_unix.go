//go:build unix

package join

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

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
	if j.result.Binary.Full {
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
func (j *joining) linkSelf() error {
	if has("tailjoin") {
		return nil
	}
	if _, err := j.stepsDir(); err != nil {
		return err
	}
	return j.session.dir.Symlink(j.Self, "bin/tailjoin")
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
