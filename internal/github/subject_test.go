package github_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/secret"
)

func TestSubject_isWhatTheRepositoryReallySends(t *testing.T) {
	const old, immutable = "repo:acme/web", "repo:acme@1001/web@2002"
	ofOrg := localtailnet.GitHubSubject{Keys: []string{"job_workflow_ref"}}
	for name, c := range map[string]struct {
		repo, org *localtailnet.GitHubSubject
		want      github.Subject
	}{
		"nothing set":                   {nil, nil, github.Subject{Prefix: old}},
		"an organisation's, not wanted": {nil, &ofOrg, github.Subject{Prefix: old}},
		"immutable":                     {&localtailnet.GitHubSubject{Immutable: true}, nil, github.Subject{Prefix: immutable}},
		"the prefix says otherwise":     {&localtailnet.GitHubSubject{Immutable: true, Odd: true}, nil, github.Subject{Prefix: immutable}},
		"an Enterprise Server":          {&localtailnet.GitHubSubject{Silent: true}, nil, github.Subject{}},
		"a template": {&localtailnet.GitHubSubject{Custom: true, Keys: []string{"repo", "context", "job_workflow_ref"}}, &ofOrg,
			github.Subject{Prefix: old, Keys: []string{"repo", "context", "job_workflow_ref"}}},
		"a template that is off": {&localtailnet.GitHubSubject{Keys: []string{"repo"}}, nil, github.Subject{Prefix: old}},
		"the organisation's":     {&localtailnet.GitHubSubject{Custom: true, Immutable: true}, &ofOrg, github.Subject{Prefix: immutable, Keys: []string{"job_workflow_ref"}}},
	} {
		t.Run(name, func(t *testing.T) {
			g, gh := open(t)
			if c.repo != nil {
				g.SetSubject("repos/acme/web", *c.repo)
			}
			if c.org != nil {
				g.SetSubject("orgs/acme", *c.org)
			}
			r, err := gh.Repository(t.Context(), repo(t, ""))
			if err != nil {
				t.Fatal(err)
			}
			got, err := gh.Subject(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("subject (-want +got):\n%s", d)
			}
		})
	}
}

func TestSubject_isNotGuessed(t *testing.T) {
	g, gh := open(t)
	r, err := gh.Repository(t.Context(), repo(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != 2002 || r.OwnerID != 1001 || r.DefaultBranch != "main" || r.Visibility != "private" || r.Created.IsZero() {
		t.Errorf("the repository is %+v", r)
	}
	g.SetSubject("repos/acme/web", localtailnet.GitHubSubject{Custom: true})
	if _, err = gh.Subject(t.Context(), r); !github.IsStatus(err, 404) {
		t.Errorf("without a template of the organisation: %v, want 404", err)
	}
	g.Deny("actions=read")
	_, err = gh.Subject(t.Context(), r)
	wantCode(t, err, "github-refused")
}

func TestIssuer(t *testing.T) {
	for api, want := range map[string]string{
		"":                               "https://token.actions.githubusercontent.com",
		"https://api.github.com":         "https://token.actions.githubusercontent.com",
		"https://api.octocorp.ghe.com":   "https://token.actions.octocorp.ghe.com",
		"https://github.acme.org/api/v3": "https://github.acme.org/_services/token",
	} {
		if got := at(t, api).Issuer(); got != want {
			t.Errorf("%s: %s, want %s", api, got, want)
		}
	}
}

func at(t *testing.T, api string) *github.Client {
	t.Helper()
	c, err := github.New(github.Options{Token: secret.New("github_pat_1"), BaseURL: api})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
