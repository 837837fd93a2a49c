package trust_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/trust"
)

const githubIssuer = "https://token.actions.githubusercontent.com"

var repository = github.Repository{
	Owner: "acme", Name: "web", ID: 2002, OwnerID: 1001, DefaultBranch: "main", Visibility: "private",
	Created: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
}

const (
	oldPrefix = "repo:acme/web"
	newPrefix = "repo:acme@1001/web@2002"
)

func TestOfGitHub_isAsNarrowAsTheSubjectAllows(t *testing.T) {
	for name, c := range map[string]struct {
		keys    []string
		prefix  string
		where   trust.Where
		subject string
		claims  map[string]string
	}{
		"default branch":  {nil, oldPrefix, trust.Where{}, "repo:acme/web:ref:refs/heads/main", map[string]string{"repository_id": "2002"}},
		"immutable":       {nil, newPrefix, trust.Where{}, "repo:acme@1001/web@2002:ref:refs/heads/main", map[string]string{}},
		"branch":          {nil, newPrefix, trust.Where{Branch: "release/*"}, "repo:acme@1001/web@2002:ref:refs/heads/release/*", map[string]string{}},
		"branch, whole":   {nil, newPrefix, trust.Where{Branch: "refs/heads/x"}, "repo:acme@1001/web@2002:ref:refs/heads/x", map[string]string{}},
		"tag":             {nil, newPrefix, trust.Where{GitTag: "v*"}, "repo:acme@1001/web@2002:ref:refs/tags/v*", map[string]string{}},
		"environment":     {nil, newPrefix, trust.Where{Environment: "a:b"}, "repo:acme@1001/web@2002:environment:a%3Ab", map[string]string{}},
		"both":            {nil, newPrefix, trust.Where{Environment: "production", Branch: "main"}, "repo:acme@1001/web@2002:environment:production", map[string]string{"ref": "refs/heads/main"}},
		"template":        {[]string{"repo", "context", "job_workflow_ref"}, newPrefix, trust.Where{}, "repo:acme@1001/web@2002:ref:refs/heads/main:job_workflow_ref:*", map[string]string{}},
		"a claim in it":   {[]string{"repo", "job_workflow_ref"}, newPrefix, trust.Where{Claims: []string{"job_workflow_ref=acme/ci/x.yml@*"}}, "repo:acme@1001/web@2002:job_workflow_ref:acme/ci/x.yml@*", map[string]string{"ref": "refs/heads/main"}},
		"no repository":   {[]string{"repository_owner", "repository_visibility"}, newPrefix, trust.Where{}, "repository_owner:acme:repository_visibility:private", map[string]string{"repository_id": "2002", "ref": "refs/heads/main"}},
		"a number":        {[]string{"repository_id", "environment"}, oldPrefix, trust.Where{Environment: "eu:1"}, "repository_id:2002:environment:eu%3A1", map[string]string{}},
		"workflow only":   {[]string{"job_workflow_ref"}, oldPrefix, trust.Where{Environment: "production"}, "job_workflow_ref:*", map[string]string{"repository_id": "2002", "environment": "production"}},
		"repository, ref": {[]string{"repository", "ref"}, oldPrefix, trust.Where{}, "repository:acme/web:ref:refs/heads/main", map[string]string{"repository_id": "2002"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := trust.OfGitHub(repository, github.Subject{Keys: c.keys, Prefix: c.prefix}, githubIssuer, c.where)
			if err != nil {
				t.Fatal(err)
			}
			if w.Subject != c.subject {
				t.Errorf("subject %s, want %s", w.Subject, c.subject)
			}
			if d := cmp.Diff(c.claims, w.Claims); d != "" {
				t.Errorf("claims (-want +got):\n%s", d)
			}
			if w.Issuer != githubIssuer || w.Audience != "" || len(w.Notes) > 0 {
				t.Errorf("issuer %s, audience %q, notes %q", w.Issuer, w.Audience, w.Notes)
			}
		})
	}
}

// Whatever template there is, GitHub's tokens of the jobs that are meant are let
// in, and no others.
func TestOfGitHub_letsInTheJobsThatAreMeantAndNoOthers(t *testing.T) {
	templates := [][]string{
		nil, {"repo"}, {"repo", "context"}, {"context"}, {"repository_owner", "repository_visibility"}, {"job_workflow_ref"},
		{"repo", "context", "job_workflow_ref"}, {"repository_id"}, {"actor", "repo"}, {"environment", "repository_owner_id"},
		{"ref", "repository"}, {"workflow", "event_name", "context"},
	}
	others := map[string]func(*localtailnet.Job){
		"another branch":       func(j *localtailnet.Job) { j.Ref = "refs/heads/main2" },
		"a tag":                func(j *localtailnet.Job) { j.Ref = "refs/tags/main" },
		"a pull request":       func(j *localtailnet.Job) { j.Ref, j.Event, j.Environment = "refs/pull/7/merge", "pull_request", "" },
		"another environment":  func(j *localtailnet.Job) { j.Environment = "staging" },
		"a fork":               func(j *localtailnet.Job) { j.Owner, j.OwnerID, j.RepoID = "evil", 666, 667 },
		"another repository":   func(j *localtailnet.Job) { j.Repo, j.RepoID = "api", 2003 },
		"one of the same name": func(j *localtailnet.Job) { j.OwnerID, j.RepoID = 666, 667 },
	}
	for _, keys := range templates {
		for _, immutable := range []bool{false, true} {
			for _, where := range []trust.Where{{Branch: "main"}, {Environment: "production"}, {Branch: "main", Environment: "production"}} {
				if slices.Contains(keys, "environment") && where.Environment == "" {
					continue
				}
				job := localtailnet.Job{Environment: where.Environment, Immutable: immutable, Template: keys}
				prefix := map[bool]string{false: oldPrefix, true: newPrefix}[immutable]
				w, err := trust.OfGitHub(repository, github.Subject{Keys: keys, Prefix: prefix}, githubIssuer, where)
				if err != nil {
					t.Fatal(err)
				}
				if err := admitsJob(t, w, job); err != nil {
					t.Errorf("%v, immutable %t, %+v: the job that is meant: %v", keys, immutable, where, err)
				}
				for name, change := range others {
					other := job
					change(&other)
					elsewhere := name == "another branch" || name == "a tag"
					if where.Branch == "" && elsewhere || where.Environment == "" && name == "another environment" {
						// What nobody spoke of is not looked at.
						continue
					}
					if admitsJob(t, w, other) == nil {
						t.Errorf("%v, immutable %t, %+v: %s is let in by %s %v", keys, immutable, where, name, w.Subject, w.Claims)
					}
				}
			}
		}
	}
}

// admitsJob is what the local tailnet says of a job's token.
func admitsJob(t *testing.T, w trust.Workload, job localtailnet.Job) error {
	t.Helper()
	claims := job.Claims()
	maps.Copy(claims, map[string]any{"iss": githubIssuer, "aud": "a", "exp": time.Now().Add(time.Minute).Unix()})
	raw, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	f := localtailnet.Federation{Issuer: w.Issuer, Subject: w.Subject, Audience: "a", Claims: w.Claims}
	return f.Admits(decode(t, raw), time.Now())
}

func TestOfGitHub_whenGitHubDoesNotSayTheForm(t *testing.T) {
	young := repository
	young.Created = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		of     github.Repository
		issuer string
		want   string
		notes  int
	}{
		"old":               {repository, githubIssuer, "repo:acme/web:ref:refs/heads/main", 1},
		"young":             {young, githubIssuer, "repo:acme@1001/web@2002:ref:refs/heads/main", 1},
		"Enterprise Server": {young, "https://github.acme.org/_services/token", "repo:acme/web:ref:refs/heads/main", 0},
	} {
		w, err := trust.OfGitHub(c.of, github.Subject{}, c.issuer, trust.Where{})
		if err != nil || w.Subject != c.want || len(w.Notes) != c.notes {
			t.Errorf("%s: %s, notes %q, %v; want %s", name, w.Subject, w.Notes, err, c.want)
		}
	}
}

func TestOfGitHub_refuses(t *testing.T) {
	for want, where := range map[string]trust.Where{
		"on a branch or on a tag": {Branch: "main", GitTag: "v1"},
		"names an environment":    {Branch: "main"},
	} {
		_, err := trust.OfGitHub(repository, github.Subject{Keys: []string{"environment"}, Prefix: oldPrefix}, githubIssuer, where)
		if p := wantCode(t, err, "input-invalid"); !strings.Contains(p.Text(), want) {
			t.Errorf("%+v: it says\n%s", where, p.Text())
		}
	}
}

func TestOfOthers(t *testing.T) {
	type workload = trust.Workload
	of := func(w workload, err error) func() (workload, error) {
		return func() (workload, error) { return w, err }
	}
	for name, c := range map[string]struct {
		make            func() (workload, error)
		issuer, subject string
		claims          map[string]string
	}{
		"forgejo":            {of(trust.OfForgejo("acme/web", "https://code.acme.org/api/actions", trust.Where{})), "https://code.acme.org/api/actions", "repo:acme/web:ref:refs/heads/main", nil},
		"forgejo tag":        {of(trust.OfForgejo("acme/web", "https://code.acme.org/api/actions", trust.Where{GitTag: "v*"})), "https://code.acme.org/api/actions", "repo:acme/web:ref:refs/tags/v*", nil},
		"gitlab":             {of(trust.OfGitLab("acme/sub/web", trust.Where{})), "https://gitlab.com", "project_path:acme/sub/web:ref_type:branch:ref:main", map[string]string{}},
		"gitlab tag":         {of(trust.OfGitLab("acme/web", trust.Where{GitTag: "v*"})), "https://gitlab.com", "project_path:acme/web:ref_type:tag:ref:v*", map[string]string{}},
		"gitlab environment": {of(trust.OfGitLab("acme/web", trust.Where{Environment: "production"})), "https://gitlab.com", "project_path:acme/web:ref_type:*:ref:*", map[string]string{"environment": "production"}},
		"buildkite":          {of(trust.OfBuildkite("acme/web", trust.Where{})), "https://agent.buildkite.com", "organization:acme:pipeline:web:ref:refs/heads/main:commit:*:step:*", nil},
		"buildkite branch":   {of(trust.OfBuildkite("acme/web", trust.Where{Branch: "x"})), "https://agent.buildkite.com", "organization:acme:pipeline:web:ref:refs/heads/x:commit:*:step:*", nil},
		"namespace":          {of(trust.OfNamespace("tenant_abc", trust.Where{})), "https://federation.namespaceapis.com", "tenant_abc/*", nil},
	} {
		w, err := c.make()
		if err != nil || w.Issuer != c.issuer || w.Subject != c.subject || cmp.Diff(c.claims, w.Claims) != "" {
			t.Errorf("%s: %+v, %v; want %s of %s, %v", name, w, err, c.subject, c.issuer, c.claims)
		}
		if _, err := w.Wish("", []string{"auth_keys"}, []string{"tag:ci"}, trust.Where{}); err != nil {
			t.Errorf("%s: it makes no credential: %v", name, err)
		}
	}
	for name, bad := range map[string]func() (workload, error){
		"forgejo":               of(trust.OfForgejo("acme/*", "https://code.acme.org/api/actions", trust.Where{})),
		"forgejo environment":   of(trust.OfForgejo("acme/web", "https://code.acme.org/api/actions", trust.Where{Environment: "x"})),
		"forgejo, which one":    of(trust.OfForgejo("acme/web", "", trust.Where{})),
		"gitlab":                of(trust.OfGitLab("web", trust.Where{})),
		"gitlab, a star":        of(trust.OfGitLab("acme/*", trust.Where{})),
		"gitlab, both":          of(trust.OfGitLab("acme/web", trust.Where{Branch: "a", GitTag: "b"})),
		"buildkite":             of(trust.OfBuildkite("acme", trust.Where{})),
		"buildkite environment": of(trust.OfBuildkite("acme/web", trust.Where{Environment: "x"})),
		"namespace":             of(trust.OfNamespace("*", trust.Where{})),
		"namespace branch":      of(trust.OfNamespace("a", trust.Where{Branch: "main"})),
		"token branch":          of(trust.OfToken(idtoken.Claims{Issuer: "https://a.example", Subject: "s"}, trust.Where{Branch: "x"})),
		"token, empty":          of(trust.OfToken(idtoken.Claims{}, trust.Where{})),
	} {
		_, err := bad()
		t.Log(name)
		wantCode(t, err, "input-invalid")
	}
}

func TestOfToken_isItsJobInAnyRun(t *testing.T) {
	for name, c := range map[string]struct {
		issuer, subject, audience string
		more                      map[string]any
		want                      trust.Workload
	}{
		"github": {githubIssuer, "repo:acme/web:ref:refs/heads/main", "https://github.com/acme", map[string]any{"repository_id": "2002"},
			trust.Workload{Platform: "github", Subject: "repo:acme/web:ref:refs/heads/main", Claims: map[string]string{"repository_id": "2002"}}},
		"github, immutable": {githubIssuer, "repo:acme@1/web@2:environment:production", "x", map[string]any{"repository_id": "2"},
			trust.Workload{Platform: "github", Subject: "repo:acme@1/web@2:environment:production"}},
		"forgejo": {"https://code.acme.org/api/actions", "repo:acme/web:ref:refs/heads/main", "https://code.acme.org/acme", nil,
			trust.Workload{Platform: "forgejo", Subject: "repo:acme/web:ref:refs/heads/main"}},
		"forgejo, with numbers": {"https://acme.org/forgejo/api/actions", "repo:acme-1/web-2:ref:refs/heads/main", "x", map[string]any{"repository_id": "2"},
			trust.Workload{Platform: "forgejo", Subject: "repo:acme-1/web-2:ref:refs/heads/main", Claims: map[string]string{"repository_id": "2"}}},
		"buildkite": {"https://agent.buildkite.com", "organization:acme:pipeline:web:ref:refs/heads/main:commit:9a0364b:step:deploy:2", "x", nil,
			trust.Workload{Platform: "buildkite", Subject: "organization:acme:pipeline:web:ref:refs/heads/main:commit:*:step:*"}},
		"circleci": {"https://oidc.circleci.com/org/1", "org/1/project/2/user/3/vcs-origin/github.com/acme/web/vcs-ref/refs/heads/main", "1", nil,
			trust.Workload{Platform: "circleci", Subject: "org/1/project/2/user/*/vcs-origin/github.com/acme/web/vcs-ref/refs/heads/main"}},
		"bitbucket": {"https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc", "{a-1}:{b-2}:{c-3}", "x", nil,
			trust.Workload{Platform: "bitbucket", Subject: "{a-1}:{b-2}:*"}},
		"bitbucket, no environment": {"https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc", "{a-1}:{c-3}", "x", nil,
			trust.Workload{Platform: "bitbucket", Subject: "{a-1}:*"}},
		"namespace": {"https://federation.namespaceapis.com", "tenant_a/instance-b", "x", nil,
			trust.Workload{Platform: "namespace", Subject: "tenant_a/*"}},
		"fly": {"https://oidc.fly.io/acme", "acme:web:machine", "x", nil,
			trust.Workload{Platform: "fly", Subject: "acme:web:*"}},
		"an audience that is the issuer's": {"https://acme.app.spacelift.io", "space:a", "acme.app.spacelift.io", nil,
			trust.Workload{Platform: "spacelift", Subject: "space:a", Audience: "acme.app.spacelift.io"}},
		"somebody": {"https://jenkins.acme.org/oidc", "https://jenkins.acme.org/job/web/", "own", nil,
			trust.Workload{Subject: "https://jenkins.acme.org/job/web/", Audience: "own"}},
		"somebody, for Tailscale": {"https://jenkins.acme.org/oidc", "s", "api.tailscale.com/T1-k1", nil,
			trust.Workload{Subject: "s"}},
	} {
		t.Run(name, func(t *testing.T) {
			claims := idtoken.Claims{Issuer: c.issuer, Subject: c.subject, Audience: []string{c.audience}, All: c.more}
			got, err := trust.OfToken(claims, trust.Where{})
			if err != nil {
				t.Fatal(err)
			}
			c.want.Issuer = c.issuer
			got.Name, got.Project, got.Notes = "", "", nil
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("workload (-want +got):\n%s", d)
			}
		})
	}
}

// What this package knows of an issuer, package idtoken knows too.
func TestOfToken_knowsThePlatformsAsTheirSourcesDo(t *testing.T) {
	for _, s := range idtoken.Sources() {
		fixed := s.Audience == idtoken.Fixed
		claims := idtoken.Claims{Issuer: strings.ReplaceAll(s.Trust.Issuer, "https://ORG", "https://org"), Subject: "s", Audience: []string{"issuers-own"}}
		w, err := trust.OfToken(claims, trust.Where{})
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		if w.Platform != "" && w.Platform != s.Name {
			t.Errorf("%s is taken for %s", s.Name, w.Platform)
		}
		if w.Platform != "" && (w.Audience != "") != fixed {
			t.Errorf("%s: audience %q, and it is fixed: %t", s.Name, w.Audience, fixed)
		}
	}
}

func TestNames_areTheSameForTheSameAndFit(t *testing.T) {
	seen := map[string]string{}
	for _, project := range []string{"acme/web", "acme/web2", strings.Repeat("group/", 12) + "web", strings.Repeat("group/", 12) + "api"} {
		w, err := trust.OfGitLab(project, trust.Where{Branch: "feature/x_y"})
		again, _ := trust.OfGitLab(project, trust.Where{Branch: "feature/x_y"})
		if err != nil || again.Name != w.Name || seen[w.Name] != "" {
			t.Errorf("%s is called %q, then %q; %v; as %q", project, w.Name, again.Name, err, seen[w.Name])
		}
		seen[w.Name] = project
		if _, err := w.Wish("", []string{"dns"}, nil, trust.Where{}); err != nil {
			t.Errorf("%q: %v", w.Name, err)
		}
	}
	if seen["gitlab acme web feature x y"] == "" {
		t.Errorf("names: %v", seen)
	}
}

func TestWish_ofAWorkloadKeepsTheUsersRules(t *testing.T) {
	w, err := trust.OfGitHub(repository, github.Subject{Prefix: oldPrefix}, githubIssuer, trust.Where{})
	if err != nil {
		t.Fatal(err)
	}
	wish, err := w.Wish("mine", []string{"auth_keys"}, []string{"tag:ci"}, trust.Where{Claims: []string{"actor=octocat", "repository_id=20*"}})
	if err != nil {
		t.Fatal(err)
	}
	c := mustBe(t, wish)
	if d := cmp.Diff(map[string]string{"actor": "octocat", "repository_id": "20*"}, c.Claims); d != "" || c.Description != "mine" {
		t.Errorf("%q, claims (-want +got):\n%s", c.Description, d)
	}
}
