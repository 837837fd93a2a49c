package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/specs"
	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// setupVerbs are the platforms whose jobs `tailjoin trust setup` lets in.
func setupVerbs() []command {
	return []command{
		{name: "github", summary: "let the jobs of a repository in: OWNER/REPO --tag tag:ci", run: setup("github", "OWNER/REPO", (*front).githubJobs)},
		{name: "forgejo", summary: "let the jobs of a repository at Forgejo in: OWNER/REPO --issuer https://HOST/api/actions", run: setup("forgejo", "OWNER/REPO", (*front).forgejoJobs)},
		{name: "gitlab", summary: "those of a project: GROUP/PROJECT", run: setup("gitlab", "GROUP/PROJECT", plain(trust.OfGitLab))},
		{name: "buildkite", summary: "those of a pipeline: ORG/PIPELINE", run: setup("buildkite", "ORG/PIPELINE", plain(trust.OfBuildkite))},
		{name: "namespace", summary: "the machines of a workspace: WORKSPACE-ID", run: setup("namespace", "WORKSPACE-ID", plain(trust.OfNamespace))},
		{name: "token", summary: "the job that an ID token is of: FILE, or - for the standard input", run: setup("token", "FILE", (*front).tokensJob)},
	}
}

// A jobsOf finds out what the tokens of a project's jobs say.
type jobsOf func(*front, context.Context, *setupInputs) (trust.Workload, error)

func plain(of func(string, trust.Where) (trust.Workload, error)) jobsOf {
	return func(_ *front, _ context.Context, in *setupInputs) (trust.Workload, error) {
		return of(in.words[0], in.where)
	}
}

// setupInputs are those of every platform's setup.
type setupInputs struct {
	trustInputs
	where            trust.Where
	name             string
	scopes, tags     []string
	issuer, audience string
	specName, specIn string // of the spec to write, and its file
	githubToken      secret.Text
}

// noSpec is the name of a spec that is not wanted.
const noSpec = "none"

func (in *setupInputs) flags(fs *flag.FlagSet) {
	in.trustInputs.flags(fs)
	fs.Var(lines{&in.tags}, "tag", "comma-separated tags of the jobs' nodes: tag:ci")
	fs.StringVar(&in.where.Branch, "branch", "", "branch whose jobs are meant; * stands for any text; empty is the default branch")
	fs.StringVar(&in.where.GitTag, "git-tag", "", "git tag whose jobs are meant, such as v*")
	fs.StringVar(&in.where.Environment, "environment", "", "environment whose jobs are meant")
	fs.Var(lines{&in.where.Claims}, "claim", "NAME=PATTERN that another claim must hold, once for each")
	fs.StringVar(&in.name, "name", "", "name of the trust credential; empty is made of what it is for")
	fs.Var(lines{&in.scopes}, "scope", "comma-separated scopes (default auth_keys)")
	fs.StringVar(&in.issuer, "issuer", "", "issuer of the tokens, for a server or an enterprise of your own")
	fs.StringVar(&in.audience, "audience", "", "audience of the tokens, where the platform does not let tailjoin choose it")
	fs.StringVar(&in.specName, "spec", "", "name of the spec to write for the jobs; empty is made of the project's, none writes none")
	fs.StringVar(&in.specIn, "spec-file", specs.DefaultFile, "file to write the spec to")
	in.dryRunFlag(fs)
}

// setup is the command `trust setup PLATFORM PROJECT`: it makes the trust
// credential, writes the spec, and says what to write into the workflow. Done
// again, it changes nothing.
func setup(platform, project string, jobs jobsOf) func(*front, context.Context, []string) error {
	return func(f *front, ctx context.Context, args []string) error {
		var in setupInputs
		fs := flag.NewFlagSet("trust setup "+platform, flag.ContinueOnError)
		in.flags(fs)
		if platform == "github" {
			fs.Var(hidden{&in.githubToken}, "github-token", "token for GitHub's API, or file:PATH; empty is GH_TOKEN or GITHUB_TOKEN")
		}
		if err := in.parse(f, fs, args, 1, 1, project); err != nil {
			return err
		}
		workload, err := jobs(f, ctx, &in)
		if err != nil {
			return err
		}
		return f.letIn(ctx, &in, workload)
	}
}

// letIn makes the credential and the spec. That the spec cannot be written is
// found out before.
func (f *front) letIn(ctx context.Context, in *setupInputs, w trust.Workload) error {
	w.Issuer, w.Audience = cmp.Or(in.issuer, w.Issuer), cmp.Or(in.audience, w.Audience)
	want, err := in.credential(w)
	if err != nil {
		return err
	}
	tailnet, err := f.tailnet(ctx, &in.trustInputs)
	if err != nil {
		return err
	}
	plan, err := tailnet.Plan(ctx, want)
	if err != nil {
		return err
	}
	old, err := in.oldSpec(ctx, w, plan)
	if err != nil {
		return err
	}
	made, _, err := f.ensure(ctx, tailnet, plan, in.dryRun)
	if err == nil && in.specName != noSpec {
		err = f.writeSpec(ctx, in, old, w.Spec(made))
	}
	if err != nil {
		return err
	}
	return f.tellSetup(w, made, in.specName)
}

func (in *setupInputs) credential(w trust.Workload) (tsapi.Credential, error) {
	scopes := items(in.scopes)
	if len(scopes) == 0 {
		scopes = []string{"auth_keys"}
	}
	wish, err := w.Wish(in.name, scopes, items(in.tags), in.where)
	if err != nil {
		return tsapi.Credential{}, err
	}
	return wish.Credential()
}

// oldSpec is the spec that is there under the wanted name, the zero value if
// there is none. One for another credential is not ours to change.
func (in *setupInputs) oldSpec(ctx context.Context, w trust.Workload, plan trust.Plan) (old spec.Spec, err error) {
	if in.specName == noSpec {
		return old, nil
	}
	in.specName = cmp.Or(in.specName, w.SpecName())
	if err := spec.CheckName(in.specName); err != nil {
		return old, err
	}
	store := specs.File(in.specIn)
	if old, err = store.Get(ctx, in.specName); isUnknown(err) {
		return spec.Spec{}, nil
	}
	if err == nil && (plan.Have == nil || plan.Have.ID != old.ClientID) {
		err = diag.Input(fmt.Sprintf("there is a spec %s for another trust credential", in.specName),
			"give --spec another name, or remove that one: tailjoin spec remove "+in.specName,
			diag.Fact{Name: "in", Value: store.Where}, diag.Fact{Name: "its client", Value: old.ClientID})
	}
	return old, err
}

// writeSpec writes what belongs to the credential; the rest stays as it was.
func (f *front) writeSpec(ctx context.Context, in *setupInputs, old, of spec.Spec) error {
	s := old
	s.ClientID, s.Tags, s.Audience, s.Allow = of.ClientID, of.Tags, of.Audience, of.Allow
	where := fmt.Sprintf("the spec %s to %s", in.specName, in.specIn)
	switch {
	case reflect.DeepEqual(s, old):
		f.log("").Info(fmt.Sprintf("the spec %s is in %s, and as wanted", in.specName, in.specIn))
		return nil
	case in.dryRun:
		f.log("").Info("would write " + where)
		return nil
	}
	if err := specs.File(in.specIn).Set(ctx, in.specName, s); err != nil {
		return err
	}
	f.log("").Info("wrote " + where + ": commit it")
	return nil
}

func isUnknown(err error) bool {
	p, ok := errors.AsType[*diag.Problem](err)
	return ok && p.Code == "spec-unknown"
}

// tellSetup shows the credential and what to write into the workflow.
func (f *front) tellSetup(w trust.Workload, c tsapi.Credential, specName string) error {
	if specName == noSpec {
		specName = ""
	}
	for _, note := range w.Notes {
		f.log("").Warn(note)
	}
	f.warnOfRules(c)
	f.writeRows(newCredentialRow(c).rows())
	if c.ID == "" {
		c.ID = "CLIENT-ID"
	}
	for line := range strings.Lines("\n" + w.Workflow(c, specName)) {
		fmt.Fprint(f.streams[0], f.job.Harmless(strings.TrimSuffix(line, "\n"))+"\n")
	}
	return nil
}

// githubJobs asks GitHub which subject the repository really sends.
func (f *front) githubJobs(ctx context.Context, in *setupInputs) (w trust.Workload, err error) {
	place, err := github.InRepo(in.words[0], "")
	if err != nil {
		return w, err
	}
	client, err := f.github(in.githubToken)
	if err != nil {
		return w, err
	}
	repository, err := client.Repository(ctx, place)
	if err != nil {
		return w, err
	}
	subject, err := client.Subject(ctx, repository)
	if err != nil {
		return w, err
	}
	return trust.OfGitHub(repository, subject, cmp.Or(in.issuer, client.Issuer()), in.where)
}

func (f *front) forgejoJobs(_ context.Context, in *setupInputs) (trust.Workload, error) {
	return trust.OfForgejo(in.words[0], in.issuer, in.where)
}

// tokensJob reads the token, which nobody verifies: it says what the user means.
func (f *front) tokensJob(ctx context.Context, in *setupInputs) (trust.Workload, error) {
	token, err := f.tokenToInspect(ctx, &in.inputs, in.words[0])
	if err != nil {
		return trust.Workload{}, err
	}
	return trust.OfToken(token.Claims, in.where)
}
