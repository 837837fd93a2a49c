// Package cli is the program: its commands and inputs, the wiring of the
// rooms below, and the one place that prints an error.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// Exit statuses.
const (
	Done     = 0
	Failed   = 1
	BadInput = 2
)

// A Process is what a program is given.
type Process struct {
	Args    []string // without the program's name
	Environ []string // NAME=VALUE
	In      io.Reader
	Out     io.Writer // results
	Err     io.Writer // words for people
	Version string
	Self    string // path of the program
}

// Main runs the program and returns its exit status.
func Main(p Process) int {
	if status, ok := tailscale(p); ok {
		return status
	}
	ctx, stop := signal.NotifyContext(context.Background(), cancelling()...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	defer outliveReaders()()
	f := newFront(p)
	err := f.run(ctx, p.Args)
	status := f.report(err)
	f.flush()
	return status
}

// outliveReaders turns a write to a closed pipe into an error, until stop is
// called: otherwise the Go runtime ends the process with SIGPIPE, although a join
// or a leave may be half done. Programs that are started here are not affected.
func outliveReaders() (stop func()) {
	closed := make(chan os.Signal, 1)
	signal.Notify(closed, syscall.SIGPIPE)
	return func() { signal.Stop(closed) }
}

// cancelling are the signals that cancel a command. Under nohup a hangup is none.
func cancelling() []os.Signal {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// A front is the process as the commands see it: the job it runs in, and
// streams that hide every secret.
type front struct {
	Process
	env     ci.Env
	job     ci.Job
	secrets *secret.Filter // of everything that is written
	streams []*secret.Writer
	proxies []variable // that an earlier join set for this job, with the values from before it
}

func newFront(p Process) *front {
	f := &front{Process: p, env: lookup(p.Environ), secrets: new(secret.Filter)}
	f.setProxiesAside()
	out, words := f.secrets.Writer(p.Out), f.secrets.Writer(p.Err)
	f.streams = []*secret.Writer{out, words}
	f.job = ci.Detect(f.env, ci.Streams{Results: out, Words: words, Masks: p.Err, Clean: f.secrets.Clean})
	f.hide(secret.New(f.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN")))
	for _, key := range secret.Keys(strings.Join(p.Args, " ")) { // other processes see it, the log need not
		f.mask(key.Text)
	}
	return f
}

// mask hides a secret in what we write, and in what any later step does.
func (f *front) mask(s secret.Text) {
	if !s.IsZero() {
		f.job.Mask(s)
		f.hide(s)
	}
}

func (f *front) hide(s secret.Text) { f.secrets.Hide(s) }

func (f *front) flush() {
	for _, w := range f.streams {
		w.Flush()
	}
}

// report prints an error, once, and says how the process ends.
func (f *front) report(err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return Done
	}
	if e, ok := errors.AsType[*exit](err); ok {
		if e.err != nil {
			f.job.Report(diag.As(e.err))
		}
		return e.status
	}
	p := diag.As(err)
	f.job.Report(p)
	if p.Input {
		return BadInput
	}
	return Failed
}

func (f *front) version(context.Context, []string) error {
	_, err := fmt.Fprintln(f.streams[0], "tailjoin", f.Version)
	return err
}
