//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"golang.org/x/sys/unix"
)

const (
	clientID = "Tbench-CNTRL"
	tag      = "tag:ci"
)

// A world is a tailnet and the files of a job that joins it.
type world struct {
	*localtailnet.Tailnet
	name     string
	programs programs
	dir      string
	rubbish  []string // to be removed when nothing is measured
}

// newWorld starts a tailnet that trusts the job.
func newWorld(ctx context.Context, p programs, name string, opts localtailnet.Options) (*world, error) {
	w := &world{name: name, programs: p, dir: filepath.Join(os.Getenv(scratch), name)}
	if err := os.Mkdir(w.dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	if w.Tailnet, err = localtailnet.Start(ctx, opts); err != nil {
		return nil, err
	}
	w.AddCredential(localtailnet.Credential{
		ClientID: clientID, Issuer: w.IssuerURL, Subject: "repo:*", Scopes: []string{"auth_keys", "devices:core"}, Tags: []string{tag},
	})
	return w, nil
}

// quiet are the settings that keep a tailscaled from looking for the network
// outside.
var quiet = []string{"TS_NO_LOGS_NO_SUPPORT=true", "TS_DISABLE_PORTMAPPER=1", "TS_ASSUME_NETWORK_UP_FOR_TEST=1"}

// environment is a GitHub job's. A tailscaled that the machine has would be
// taken in place of the bundled one, so then that is asked for.
func (w *world) environment() []string {
	env := append(w.Env(), quiet...)
	if _, err := exec.LookPath("tailscaled"); err == nil {
		env = append(env, "TAILJOIN_INSTALL=bundled")
	}
	return append(env,
		"PATH="+os.Getenv("PATH"), "HOME="+w.dir,
		"RUNNER_TEMP="+w.dir, "RUNNER_TOOL_CACHE="+w.file("cache"),
		"GITHUB_OUTPUT="+w.file("output"), "GITHUB_PATH="+w.file("path"), "GITHUB_STEP_SUMMARY="+w.file("summary"),
		"TAILJOIN_SESSION="+w.file("s"), "TAILJOIN_BUNDLE="+w.programs.bundle,
		"TAILJOIN_OAUTH_CLIENT_ID="+clientID, "TAILJOIN_TAGS="+tag, "TAILJOIN_TIMEOUT=30s",
	)
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

// newDir is a directory that goes when its subject was measured.
func (w *world) newDir() (string, error) {
	dir, err := os.MkdirTemp(w.dir, "d")
	w.rubbish = append(w.rubbish, dir)
	return dir, err
}

// settle sweeps, and has the disk write now what it would write while the next
// subject is measured.
func (w *world) settle() (err error) {
	for _, dir := range w.rubbish {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	w.rubbish = nil
	f, openErr := os.Open(w.dir)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	defer f.Close()
	return errors.Join(err, unix.Syncfs(int(f.Fd())))
}

// A process is one run of a program: how long it lasted, from exec to exit,
// and what it wrote to its output.
type process struct {
	lasted time.Duration
	out    []byte
}

// execute runs a program to its end.
func execute(ctx context.Context, cmd *exec.Cmd) (process, error) {
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	began := time.Now()
	err := cmd.Run()
	p := process{time.Since(began), out.Bytes()}
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), cmp.Or(context.Cause(ctx), err), out.Bytes(), words.Bytes())
	}
	return p, err
}

// tailjoin runs the product.
func (w *world) tailjoin(ctx context.Context, args ...string) (process, error) {
	cmd := exec.CommandContext(ctx, w.programs.tailjoin, args...)
	cmd.Env = w.environment()
	return execute(ctx, cmd)
}

// joinAndLeave measures the product. prepare comes before each join.
func (w *world) joinAndLeave(prepare func() error, args ...string) func(context.Context) (times, error) {
	return func(ctx context.Context) (times, error) {
		if err := errors.Join(prepare(), w.emptyFiles()); err != nil {
			return nil, err
		}
		join, err := w.tailjoin(ctx, append([]string{"join"}, args...)...)
		if err != nil {
			return nil, err
		}
		t, err := w.phases()
		if err != nil {
			return nil, err
		}
		leave, err := w.tailjoin(ctx, "leave")
		if err != nil {
			return nil, err
		}
		t["join"], t["leave"] = milliseconds(join.lasted), milliseconds(leave.lasted)
		return t, w.nothingLeft()
	}
}

// warm leaves the daemon where the join before unpacked it; cold has the next
// join unpack it, as on a runner that is new for each job.
func warm() error            { return nil }
func (w *world) cold() error { return os.RemoveAll(w.file("cache")) }

// emptyFiles makes those by which a step tells later ones.
func (w *world) emptyFiles() (err error) {
	for _, name := range []string{"output", "path", "summary"} {
		err = errors.Join(err, os.WriteFile(w.file(name), nil, 0o600))
	}
	return err
}

// phases reads the milliseconds that the last join put out.
func (w *world) phases() (times, error) {
	raw, err := os.ReadFile(w.file("output"))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(raw), "\n")
	for i, line := range lines {
		if name, _, _ := strings.Cut(line, "<<"); name == "milliseconds" && i+1 < len(lines) {
			return decodeTimes([]byte(lines[i+1]))
		}
	}
	return nil, fmt.Errorf("there are no milliseconds among the outputs:\n%s", raw)
}

func decodeTimes(raw []byte) (times, error) {
	var t times
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, fmt.Errorf("reading phases from %q: %w", raw, err)
	}
	return t, nil
}

// nothingLeft checks that a measured leave did its work.
func (w *world) nothingLeft() error {
	if nodes := w.Nodes(); len(nodes) > 0 {
		return fmt.Errorf("a leave left %d nodes behind", len(nodes))
	}
	return nil
}
