package cli

import (
	"cmp"
	"flag"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/specs"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// storeInputs are the inputs that say where specs are kept.
type storeInputs struct {
	kind                         string
	file                         string
	repo                         []string
	org, environment, visibility string
	githubToken                  secret.Text
}

func (in *storeInputs) flags(fs *flag.FlagSet) {
	in.kind = "file"
	fs.Var(choice{&in.kind, []string{"file", "github", "namespace"}}, "store", "where specs are kept: file, github (variables) or namespace (a workspace's own)")
	fs.StringVar(&in.file, "spec-file", specs.DefaultFile, "store file: the file")
	fs.Var(lines{&in.repo}, "repo", "store github: OWNER/REPO; beside org those that see a variable whose visibility is selected")
	fs.StringVar(&in.org, "org", "", "store github: the organisation")
	fs.StringVar(&in.environment, "environment", "", "store github: an environment of the repository")
	fs.Var(choice{&in.visibility, []string{"all", "private", "selected"}}, "visibility",
		"store github: which of an organisation's repositories see the spec: all, private or selected; empty leaves it as it is, private at first")
	fs.Var(hidden{&in.githubToken}, "github-token", "token for GitHub's API, or file:PATH; empty is GH_TOKEN or GITHUB_TOKEN")
}

// store is the one that the inputs name.
func (f *front) store(in *storeInputs) (specs.Store, error) {
	if err := in.check(); err != nil {
		return specs.Store{}, err
	}
	switch in.kind {
	case "github":
		return f.githubStore(in)
	case "namespace":
		client, err := f.namespaceClient()
		return specs.Namespace(client), err
	default:
		return specs.File(in.file), nil
	}
}

func (in *storeInputs) check() error {
	repositories := items(in.repo)
	for _, wrong := range []struct {
		is            bool
		summary, hint string
	}{
		{in.kind != "github" && (len(in.repo) > 0 || in.org+in.environment+in.visibility != ""),
			"repo, org, environment and visibility are for specs that GitHub keeps", "give --store github, too"},
		{in.kind == "github" && in.org == "" && len(repositories) != 1, "it is not said where at GitHub", "give --repo OWNER/REPO or --org ORG"},
		{in.org != "" && in.environment != "", "an organisation has no environments", "give --repo OWNER/REPO with --environment"},
		{in.org == "" && in.visibility != "", "visibility is for the variables of an organisation", "give --org, or leave visibility out"},
		{in.org != "" && len(repositories) > 0 && in.visibility != "selected", "org and repo are two places",
			"give one of them; or --visibility selected, if repo is to see what org has"},
	} {
		if wrong.is {
			return diag.Input(wrong.summary, wrong.hint)
		}
	}
	return nil
}

func (f *front) githubStore(in *storeInputs) (specs.Store, error) {
	repositories := items(in.repo)
	place, err := github.InOrg(in.org)
	if in.org == "" {
		place, err = github.InRepo(repositories[0], in.environment)
		repositories = nil
	}
	if err != nil {
		return specs.Store{}, err
	}
	client, err := f.github(in.githubToken)
	return specs.GitHub(client, place, github.Sight{Visibility: in.visibility, Repositories: repositories}), err
}

// github is a client that shows the given token, or one of the environment.
func (f *front) github(token secret.Text) (*github.Client, error) {
	from := "--github-token"
	for _, name := range []string{"GH_TOKEN", "GITHUB_TOKEN"} {
		if token.IsZero() {
			token, from = secret.New(f.env(name)), name
		}
	}
	f.hide(token)
	address := cmp.Or(f.env("GITHUB_API_URL"), github.DefaultURL)
	if err := tsapi.CheckURL(address); err != nil {
		return nil, badAddress("GITHUB_API_URL", address, err)
	}
	return github.New(github.Options{Token: token, From: from, BaseURL: address, UserAgent: "tailjoin/" + f.Version})
}
