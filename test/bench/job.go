//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// From the start of a job: "Set up job" fetches the archive of the action,
// unpacks it and copies it to its place, as actions/runner does in
// ActionManager.cs, and then comes the step. The start of the step itself, by
// the runner, is left out for both.
const (
	jobOfOurs   = "tailjoin, from the start of the job"
	jobOfSerial = "serial way, from the start of the job"
)

// The archives of the two actions, by their paths on the package server.
const (
	ourArchive    = "actions/tailjoin.tar.gz"
	publicArchive = "actions/public.tar.gz"
)

// publicSize is the size of the archive of tailscale/github-action v4.
const publicSize = 940_000

func (p programs) served(archive string) string { return filepath.Join(kept, "packages", archive) }

// archiveActions makes the archive that GitHub would make of our release
// commit, and one as large as the public action's.
func (p programs) archiveActions(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(p.served(ourArchive)), 0o755); err != nil {
		return err
	}
	return errors.Join(p.archiveOurs(ctx), p.archivePublic())
}

// archiveOurs keeps the commit's objects out of the repository.
func (p programs) archiveOurs(ctx context.Context) error {
	objects, err := os.MkdirTemp("", "bench-objects-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(objects)
	run := func(out io.Writer, name string, args ...string) error {
		var words bytes.Buffer
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Env = append(os.Environ(), "GIT_OBJECT_DIRECTORY="+objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+objectsOf(ctx))
		cmd.Stdout, cmd.Stderr = out, &words
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w\n%s", name, err, words.Bytes())
		}
		return nil
	}
	var commit bytes.Buffer
	if err := run(&commit, "scripts/release-commit", p.bundle, "https://github.com/tailjoin/tailjoin/releases/download/bench"); err != nil {
		return err
	}
	archive, err := os.Create(p.served(ourArchive))
	if err != nil {
		return err
	}
	defer archive.Close()
	err = run(archive, "git", "archive", "--format=tar.gz", "--prefix=tailjoin/", strings.TrimSpace(commit.String()))
	return errors.Join(err, archive.Close())
}

func objectsOf(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--path-format=absolute", "--git-path", "objects").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// archivePublic has one file, which unpacks sooner than the real ones.
func (p programs) archivePublic() error {
	content := make([]byte, publicSize)
	rand.NewChaCha8([32]byte{}).Read(content)
	archive, err := os.Create(p.served(publicArchive))
	if err != nil {
		return err
	}
	defer archive.Close()
	zipped := gzip.NewWriter(archive)
	entries := tar.NewWriter(zipped)
	err = entries.WriteHeader(&tar.Header{Name: "public/dist/index.js", Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = entries.Write(content)
	}
	return errors.Join(err, entries.Close(), zipped.Close(), archive.Close())
}

// ourJob is a job with our action on a runner that is new for each job.
func (w *world) ourJob(ctx context.Context) (times, error) {
	t, action, err := w.setUpJob(ctx, ourArchive)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(w.cold(), w.emptyFiles()); err != nil {
		return nil, err
	}
	step := exec.CommandContext(ctx, filepath.Join(action, "scripts", "run.sh"), "join")
	step.Env = append(w.environment(), "RUNNER_OS=Linux", "RUNNER_ARCH=X64")
	join, err := execute(ctx, step)
	if err != nil {
		return nil, err
	}
	t["step"] = milliseconds(join.lasted)
	t["job"] = t["fetch"] + t["unpack"] + t["step"]
	if _, err := w.tailjoin(ctx, "leave"); err != nil {
		return nil, err
	}
	return t, w.nothingLeft()
}

// serialJob is a job with today's action.
func (w *world) serialJob(ctx context.Context) (times, error) {
	t, _, err := w.setUpJob(ctx, publicArchive)
	if err != nil {
		return nil, err
	}
	joined, err := w.serial(ctx)
	if err != nil {
		return nil, err
	}
	t["step"] = joined["join"]
	t["job"] = t["fetch"] + t["unpack"] + t["step"]
	return t, nil
}

// setUpJob fetches and unpacks the archive of an action, and returns the
// directory of the action.
func (w *world) setUpJob(ctx context.Context, archive string) (t times, action string, err error) {
	dir, err := w.newDir()
	if err != nil {
		return nil, "", err
	}
	staging, action := filepath.Join(dir, "staging"), filepath.Join(dir, "action")
	if err := os.Mkdir(staging, 0o755); err != nil {
		return nil, "", err
	}
	began := time.Now()
	if err := w.fetch(ctx, archive, filepath.Join(dir, "archive.tar.gz")); err != nil {
		return nil, "", err
	}
	fetched := time.Now()
	if _, err := execute(ctx, exec.CommandContext(ctx, "tar", "-xzf", filepath.Join(dir, "archive.tar.gz"), "-C", staging)); err != nil {
		return nil, "", err
	}
	unpacked, err := filepath.Glob(filepath.Join(staging, "*"))
	if err != nil || len(unpacked) != 1 {
		return nil, "", fmt.Errorf("%s has %q, want one directory (%w)", archive, unpacked, err)
	}
	err = os.CopyFS(action, os.DirFS(unpacked[0]))
	return times{"fetch": milliseconds(fetched.Sub(began)), "unpack": milliseconds(time.Since(fetched))}, action, err
}

func (w *world) fetch(ctx context.Context, archive, name string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.PackagesURL+"/"+archive, nil)
	if err != nil {
		return err
	}
	res, err := client().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", archive, res.Status)
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, res.Body)
	return errors.Join(err, f.Close())
}

// job reports what was measured from the start of the job.
func (r *report) job(found results) {
	fmt.Fprintf(r.out, "\nFrom the start of the job, on a new runner: fetch the archive of the action (%s; the public one's %s), unpack it with tar\n"+
		"and copy it to its place as the runner does, and run the step, ours by scripts/run.sh.\n\n",
		megabytes(r.programs.served(ourArchive)), megabytes(r.programs.served(publicArchive)))
	t := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tin all\t(lowest–highest)\tfetch\tunpack\tstep")
	for _, name := range []string{jobOfSerial, jobOfOurs} {
		s := found[name]
		fmt.Fprintf(t, "%s\t%.1f\t%s\t%.1f\t%.1f\t%.1f\n", name, s.median("job"), span(s, "job"), s.median("fetch"), s.median("unpack"), s.median("step"))
	}
	t.Flush()
}
