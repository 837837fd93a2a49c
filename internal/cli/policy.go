package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/policy"
	"github.com/tailjoin/tailjoin/internal/policyfile"
)

// policyVerbs are those of `tailjoin policy`.
func policyVerbs() []command {
	verbs := []command{
		{name: "test", summary: "have Tailscale check the policy file and run its tests; show what it changes"},
		{name: "diff", summary: "show what the policy file changes, and who loses and gains by it"},
		{name: "apply", summary: "make the policy file the live policy"},
		{name: "pull", summary: "write the live policy into the policy file"},
		{name: "format", summary: "format the policy file as Tailscale does; --check changes nothing"},
		{name: "action", summary: "the one of these that the input action names"},
	}
	for i, v := range verbs {
		verbs[i].run = func(f *front, ctx context.Context, args []string) error { return f.policy(ctx, v.name, args) }
	}
	return verbs
}

// policy is the command of each verb.
func (f *front) policy(ctx context.Context, verb string, args []string) error {
	var in policyInputs
	fs := flag.NewFlagSet("policy "+verb, flag.ContinueOnError)
	in.flags(verb, fs)
	if err := parse(fs, f.job, args); err != nil {
		return f.help(fs, err)
	}
	if verb == "action" {
		verb = in.action
	}
	switch verb {
	case "":
		return diag.Input("action is missing", "it is test or apply; or diff, pull or format")
	case "format":
		return f.policyFormat(&in)
	}
	r, err := f.policyRun(&in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, in.timeout)
	defer cancel()
	if verb == "pull" {
		return r.pull(ctx)
	}
	err = r.look(ctx)
	if err == nil {
		err = map[string]func(*policyRun, context.Context) error{
			"test": (*policyRun).test, "diff": (*policyRun).diff, "apply": (*policyRun).apply,
		}[verb](r, ctx)
	}
	return errors.Join(err, r.tell(ctx, err))
}

// look parses the file, before anybody is asked for anything, then compares it
// with the live policy and prints what sets them apart.
func (r *policyRun) look(ctx context.Context) error {
	sources, err := policy.Sources(r.in.file)
	if err != nil {
		return err
	}
	if ignored := policy.Ignored(r.in.file); len(ignored) > 0 {
		r.log.Info("not a part of the policy: " + strings.Join(ignored, ", ") + ". Of a folder the files *.hujson count")
	}
	file, err := policy.Parse(sources)
	if err != nil {
		return err
	}
	if r.tailnet, err = policy.Open(ctx, r.access); err != nil {
		return err
	}
	plan, err := r.tailnet.Look(ctx, r.in.file, file, r.memory)
	if err != nil {
		return err
	}
	r.plan = plan
	r.warn(plan.Opened())
	r.warn(plan.NotComputed())
	r.print(plan.Diff())
	r.print(plan.Effect())
	r.sayVersions()
	return nil
}

// sayVersions says how the three versions stand to each other, in words.
func (r *policyRun) sayVersions() {
	p := r.plan
	switch {
	case p.Overwrites():
		r.warn("somebody changed the live policy since it was last applied. Applying " + p.Path + " undoes that, unless it has their change too; " +
			"`tailjoin policy pull` brings it into the file")
	case p.Edited():
		r.log.Info("somebody changed the live policy since it was last applied, and " + p.Path + " has their change")
	case p.Last.ETag == "" && r.in.lastApplied.kind != "none":
		r.firstTime()
	}
}

// firstTime does not guess: that nothing is kept says nothing of a change.
func (r *policyRun) firstTime() {
	text := "which version was last applied is not known: " + r.plan.Last.Where + " has none. So nobody can tell whether the live policy was changed elsewhere"
	if r.in.failOnEdits {
		r.warn(text + ", and fail-on-manual-edits finds nothing this time")
		return
	}
	r.log.Info(text)
}

func (r *policyRun) diff(context.Context) error {
	r.verdict = "It is the live policy."
	if r.plan.Changed() {
		r.verdict = "It differs from the live policy."
	}
	return nil
}

func (r *policyRun) test(ctx context.Context) error {
	warnings, err := r.tailnet.Test(ctx, r.plan)
	r.warnings = warnings
	for _, at := range warnings {
		r.job.Warn(at)
	}
	if err != nil {
		return err
	}
	if l := r.tailnet.Lockout(ctx, r.plan); !r.in.allowLockout {
		if p := l.Problem(); p != nil {
			r.warn("apply will refuse this: " + diag.As(p).Summary + " (" + diag.As(p).Facts[0].Value + ")")
		}
		r.warn(l.Warning())
	}
	if r.plan.Overwrites() && r.in.failOnEdits {
		return r.plan.RefuseEdits()
	}
	r.verdict = "Tailscale takes it, and its tests pass. It is the live policy already."
	if r.plan.Changed() {
		r.verdict = "Tailscale takes it, and its tests pass. Applied, it changes the live policy."
	}
	r.log.Info(r.verdict)
	return nil
}

func (r *policyRun) apply(ctx context.Context) error {
	if r.plan.Overwrites() && r.in.failOnEdits {
		return r.plan.RefuseEdits()
	}
	if r.plan.Changed() && !r.in.allowLockout {
		l := r.tailnet.Lockout(ctx, r.plan)
		if err := l.Problem(); err != nil {
			return err
		}
		r.warn(l.Warning())
	}
	now, err := r.tailnet.Apply(ctx, r.plan, r.memory)
	r.now = now
	if err != nil {
		return err
	}
	r.verdict = "There is nothing to apply: it is the live policy already."
	if r.plan.Changed() {
		r.verdict = "Applied: it is the live policy now, version " + policy.Version(now) + "."
	}
	r.log.Info(r.verdict)
	return nil
}

func (r *policyRun) pull(ctx context.Context) (err error) {
	if r.tailnet, err = policy.Open(ctx, r.access); err != nil {
		return err
	}
	done, err := r.tailnet.Pull(ctx, r.in.file)
	if err != nil {
		return err
	}
	if done.File == "" {
		r.log.Info("there is nothing to pull: " + r.in.file + " is the live policy already")
	} else {
		r.log.Info("wrote the live policy into "+done.File, "version", policyfile.ETag(done.Live.Text))
	}
	return r.outputs(done.File != "", done.Live, "")
}

func (f *front) policyFormat(in *policyInputs) error {
	changed, err := policy.Format(in.file, in.check)
	if err != nil {
		return err
	}
	for _, name := range changed {
		f.log("").Info("formatted " + name)
	}
	if len(changed) == 0 {
		f.log("").Info(fmt.Sprintf("%s is formatted already", in.file))
	}
	return nil
}
