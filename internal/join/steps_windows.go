package join

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// linkForAll puts the tailscale of Windows' own service on the PATH of later
// steps.
func (j *joining) linkForAll(context.Context) error {
	if has("tailscale") {
		return nil
	}
	return j.Path(filepath.Dir(j.result.Binary.CLI))
}

// linkForSteps puts a `tailscale` on the PATH of later steps that speaks to our
// pipe: this program, which is that if it has the name. A script would not do:
// cmd does not return from one to the script that called it, and most programs
// do not find one.
func (j *joining) linkForSteps() error { return j.copySelf("tailscale.exe") }

// linkSelf puts this program on the PATH of later steps, unless there is one.
func (j *joining) linkSelf() error {
	if has("tailjoin") {
		return nil
	}
	return j.copySelf("tailjoin.exe")
}

// copySelf gives this program a name in the session. That is a copy: a symbolic
// link takes a right that most users lack, and a hard link could not be removed
// while this program leaves.
func (j *joining) copySelf(name string) error {
	if _, err := j.stepsDir(); err != nil {
		return err
	}
	if j.session.dir.Link("bin/tailjoin.exe", "bin/"+name) == nil { // to our own copy, if there is one
		return nil
	}
	self, err := os.Open(j.Self)
	if err != nil {
		return err
	}
	defer self.Close()
	file, err := j.session.dir.OpenFile("bin/"+name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, self)
	return errors.Join(err, file.Close())
}

// isWrapper reports that the name leads to the copy of an earlier join.
func isWrapper(program string) bool {
	path, err := exec.LookPath(program)
	return err == nil && exists(filepath.Join(filepath.Dir(filepath.Dir(path)), fileName))
}
