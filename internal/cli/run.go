package cli

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tailjoin/tailjoin/internal/child"
	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/join"
)

// runCommand is the command `run`: it joins, runs a command, and leaves. It
// ends as the command does.
func (f *front) runCommand(ctx context.Context, args []string) error {
	flags, words := cutCommand(args)
	var in inputs
	fs := flag.NewFlagSet("run", flag.ContinueOnError)
	in.join(fs)
	if err := parse(fs, f.job, flags); err != nil {
		return f.help(fs, err)
	}
	program, err := findCommand(words)
	if err != nil {
		return err
	}
	in.session = f.ownSession(fs)
	request, err := f.request(ctx, &in)
	if err != nil {
		return err
	}
	deps, err := f.deps(&in, request.Identity)
	if err != nil {
		return err
	}
	if err := f.admit(ctx, &in, request.Identity, &deps); err != nil {
		return err
	}
	r := run{front: f, in: &in, request: request, deps: deps, command: child.Command{Path: program, Args: words}}
	return r.run(ctx)
}

// cutCommand divides our own words from the command's.
func cutCommand(args []string) (flags, command []string) {
	if i := slices.Index(args, "--"); i >= 0 {
		return args[:i], args[i+1:]
	}
	return args, nil
}

// findCommand refuses what a shell could not run either, before any work.
func findCommand(words []string) (program string, err error) {
	if len(words) == 0 {
		return "", diag.Input("there is no command to run", "write it behind two hyphens: tailjoin run --tags tag:ci -- curl http://my-server/")
	}
	program, err = child.Find(words[0])
	if err != nil {
		return "", notRun(words[0], err)
	}
	return program, nil
}

// notRun ends as a shell does that cannot run a command.
func notRun(name string, err error) error {
	status := child.StatusOf(err)
	if status == child.NotFound {
		return &exit{status, notFound(name, err)}
	}
	return &exit{status, &diag.Problem{
		Code:    "command-not-runnable",
		Summary: fmt.Sprintf("the command %q cannot be run", name),
		Err:     err,
		Hint: "it must be a program for this machine, or a script whose first line names its interpreter,\n" +
			"and its mode must let this user execute it",
	}}
}

func notFound(name string, err error) error {
	return &diag.Problem{
		Code:    "command-not-found",
		Summary: fmt.Sprintf("there is no command %q", name),
		Err:     err,
		Hint: "behind -- stand a program and its words, not a line for a shell. For that: -- sh -c 'one && another'\n" +
			"If the program is there, it is a script whose interpreter is not",
	}
}

// ownSession is a directory for this run alone: two may run side by side, and
// beside a join. Only a flag may name another, not what was set for the job.
func (f *front) ownSession(fs *flag.FlagSet) (dir string) {
	dir = filepath.Join(f.job.TempDir, "run-"+strings.ToLower(rand.Text()[:10]))
	fs.Visit(func(given *flag.Flag) {
		if given.Name == "session" {
			dir = given.Value.String()
		}
	})
	return dir
}

// A run is one command on the tailnet.
type run struct {
	*front
	in      *inputs
	request join.Request
	deps    join.Deps
	command child.Command
	path    []string // directories that the command finds programs in, first
	tokens  []*serviceToken
}

func (r *run) run(ctx context.Context) error {
	signals := make(chan os.Signal, 32)
	signal.Notify(signals, child.Signals()...) // and never stopped: a signal must not end the process before it has printed how the run ended
	ctx = context.WithoutCancel(ctx)           // a signal has another meaning at each time of a run
	r.deps.Path = func(dir string) error { r.path = append(r.path, dir); return nil }

	result, leave, asked, err := r.join(ctx, signals)
	if leave != nil {
		defer r.leave(ctx, leave)
	}
	switch {
	case asked != nil:
		return &exit{child.StatusBy(asked), err}
	case err != nil:
		return err
	}
	return r.runOn(ctx, result, signals)
}

// join joins, until a signal asks for an end. If that comes too late to end the
// join it still is for us: the command is not run.
func (r *run) join(ctx context.Context, signals <-chan os.Signal) (result join.Result, leave func(context.Context) error, asked os.Signal, err error) {
	ctx, stop := untilAsked(ctx, signals)
	result, leave, err = r.hold(ctx)
	asked = stop()
	switch {
	case err != nil:
	case asked != nil:
		r.log("").Warn("the command was not run: " + signalled{asked}.Error())
	default:
		r.sayJoined(r.in.logMode, result)
		r.warnOfMachineProxy(result)
	}
	return result, leave, asked, err
}

func (r *run) hold(ctx context.Context) (join.Result, func(context.Context) error, error) {
	if r.in.logMode == "grouped" {
		defer r.job.Group("tailjoin: joining")()
	}
	r.mask(r.request.Identity.Secret)
	r.mask(r.request.Identity.AuthKey)
	result, leave, err := join.Hold(ctx, r.request, r.deps)
	if err == nil {
		err = r.firstTokens(ctx, result)
	}
	return result, leave, err
}

// firstTokens gets what the token service is to give the command.
func (r *run) firstTokens(ctx context.Context, result join.Result) (err error) {
	if r.in.stsAudience == "" {
		return nil
	}
	if r.tokens, err = r.serviceTokens(r.in, result); err != nil {
		return err
	}
	for _, t := range r.tokens {
		if t.expires, err = t.renew(ctx); err != nil {
			return err
		}
	}
	return nil
}

// runOn runs the command on the tailnet. Its tokens are kept fresh meanwhile.
func (r *run) runOn(ctx context.Context, result join.Result, signals <-chan os.Signal) error {
	ctx, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	for _, t := range r.tokens {
		work.Go(func() { r.keepFresh(ctx, t.expires, t.renew) })
	}
	r.flush()
	r.command.Env = r.environ(result)
	r.command.Files = []*os.File{file(r.In), file(r.Out), file(r.Err)}
	status, err := r.command.Run(signals)
	switch {
	case err != nil:
		return notRun(r.command.Args[0], err)
	case status != 0:
		return &exit{status: status}
	}
	return nil
}

// file is a stream as the command inherits it: never by way of us.
func file(stream any) *os.File {
	file, _ := stream.(*os.File)
	return file
}

// environ is this process's own, with what was joined and without what only we
// need.
func (r *run) environ(result join.Result) []string {
	var added []variable
	for _, o := range outputs {
		added = append(added, variable{ci.OutputVariable(o.name), o.value(result)})
	}
	for _, o := range filesOf(r.tokens) {
		added = append(added, variable{ci.OutputVariable(o.name), o.value})
	}
	added = append(added, r.proxyVariables(result)...)
	if len(r.path) > 0 {
		path := append(slices.Clone(r.path), r.env("PATH"))
		added = append(added, variable{"PATH", strings.Join(path, string(os.PathListSeparator))})
	}
	environ := without(r.Environ, own...)
	for _, v := range added {
		environ = append(without(environ, v.name), v.name+"="+v.value)
	}
	return environ
}

func (r *run) leave(ctx context.Context, leave func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, leaveLimit)
	defer cancel()
	began := time.Now()
	r.sayLeft(r.in.logMode, true, leave(ctx), began)
	r.removeTemp()
}

// untilAsked is a context that ends with the first signal that asks the process
// to end. stop returns it, and leaves those that come later to others.
func untilAsked(ctx context.Context, signals <-chan os.Signal) (_ context.Context, stop func() os.Signal) {
	ctx, cancel := context.WithCancelCause(ctx)
	quit, got := make(chan struct{}), make(chan os.Signal, 1)
	go func() {
		defer close(got)
		for {
			select {
			case sig := <-signals:
				if child.Ends(sig) {
					cancel(signalled{sig})
					got <- sig
					return
				}
			case <-quit:
				return
			}
		}
	}()
	return ctx, func() os.Signal {
		close(quit)
		defer cancel(nil)
		return <-got
	}
}

// A signalled context was ended by a signal.
type signalled struct{ os.Signal }

func (s signalled) Error() string        { return s.String() + " signal received" }
func (s signalled) Is(target error) bool { return target == context.Canceled }

// An exit is the end of this process with a status of somebody else's making.
type exit struct {
	status int
	err    error // to report; nil if the command itself has said what there is to say
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("the command ended with status %d", e.status)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }
