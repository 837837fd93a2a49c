package idtoken

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
)

// noProgram says that a program which gives tokens is not there.
func (j job) noProgram(name, hint string) *diag.Problem {
	if _, err := j.look(name); err != nil {
		return noToken("the program "+filepath.Base(name)+" is not on this job's PATH", hint, nil)
	}
	return nil
}

// look finds a program as the job's shell would, but never in a directory that
// is relative.
func (j job) look(name string) (string, error) {
	if filepath.Base(name) != name {
		return exec.LookPath(name)
	}
	for _, dir := range filepath.SplitList(j.Env("PATH")) {
		if filepath.IsAbs(dir) {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path, nil
			}
		}
	}
	return "", exec.ErrNotFound
}

// run returns what a program prints. Its last word on standard error is the
// cause if it fails, without what looks like a token.
func (j job) run(ctx context.Context, words []string) ([]byte, error) {
	path, err := j.look(words[0])
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, words[1:]...)
	cmd.Env = j.Environ
	cmd.WaitDelay = time.Second // what it started may hold its output open
	var out, complaint limited
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("running %s: %w", filepath.Base(path), ctx.Err())
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, &refusal{server: filepath.Base(path), said: exit.String() + lastLine(complaint.Bytes())}
	}
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", filepath.Base(path), err)
	}
	return out.Bytes(), nil
}

// A limited buffer forgets what comes after the longest answer.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), longest-l.Len())])
	return len(p), nil
}

// tokenLike is a JWT, or another long word that may be a secret.
const tokenLike lazy.Pattern = `[A-Za-z0-9_.+/=-]{40,}`

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last := strings.TrimSpace(tokenLike.Regexp().ReplaceAllString(lines[len(lines)-1], "…"))
	if last == "" {
		return ""
	}
	return ": " + last[:min(len(last), 200)]
}
