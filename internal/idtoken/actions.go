package idtoken

import (
	"context"
	"encoding/json"
	"os"

	"github.com/tailjoin/tailjoin/internal/diag"
)

const (
	requestURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	requestToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// isActions holds for GitHub, GitHub Enterprise, Forgejo and Gitea: their
// runners set the same variables.
func isActions(env Env) bool {
	return env("GITHUB_ACTIONS") == "true" || env(requestURL) != ""
}

func isForgejo(env Env) bool { return isActions(env) && env("FORGEJO_ACTIONS") != "" }

// isGitea: Forgejo's runner sets Gitea's variable too.
func isGitea(env Env) bool {
	return isActions(env) && env("GITEA_ACTIONS") != "" && env("FORGEJO_ACTIONS") == ""
}

func isGitHub(env Env) bool { return isActions(env) && !isForgejo(env) && !isGitea(env) }

// githubMissing is for GitHub and its Enterprise Server.
// Source: https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments.
var githubMissing = requestMissing("GitHub",
	"give the job, and the caller of a reusable workflow, these permissions:\n  permissions:\n    id-token: write\n    contents: read")

// forgejoMissing is for Forgejo.
// Source: https://forgejo.org/docs/next/user/actions/security-openid-connect.
var forgejoMissing = requestMissing("Forgejo",
	"Forgejo 15 or newer, with a runner 12.5 or newer, gives ID tokens to a workflow or a job that says:\n  enable-openid-connect: true")

// giteaMissing: no release of Gitea gives ID tokens. One that does will set the
// variables, as GitHub does.
var giteaMissing = requestMissing("Gitea",
	"no release of Gitea gives ID tokens to its jobs yet. Give oauth-secret or authkey instead,\nor name another source of ID tokens with id-token-source")

// requestMissing makes the check of a server whose runners set the variables to
// ask for a token with. It tells the two causes of absent variables apart, since
// the remedy differs: the job does not say that it wants a token, or it is of a
// fork.
func requestMissing(server, hint string) func(job) *diag.Problem {
	return func(j job) *diag.Problem {
		env := j.Env
		if env(requestURL) != "" && env(requestToken) != "" {
			return nil
		}
		p := noToken("this job may not ask for an ID token", hint, nil,
			diag.Fact{Name: requestURL, Value: isSet(env(requestURL))}, diag.Fact{Name: requestToken, Value: isSet(env(requestToken))})
		switch fork := forkOf(env); {
		case fork != "":
			p.Summary = "a pull request from a fork may not ask for an ID token"
			p.Facts = append(p.Facts, diag.Fact{Name: "fork", Value: fork})
			p.Hint = server + " never gives one to forks. Skip the job there, and only there:\n" +
				"  if: github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
		case env("GITHUB_ACTOR") == dependabot:
			p.Facts = append(p.Facts, diag.Fact{Name: "actor", Value: dependabot})
			p.Hint += "\n" + server + " gives a job of Dependabot's no more than the workflow itself asks for, and none of the repository's secrets"
		}
		return p
	}
}

// dependabot starts jobs with rights of their own.
const dependabot = "dependabot[bot]"

// deletedFork is the name shown for a fork that was deleted.
const deletedFork = "a repository that was deleted"

// forkOf is the repository that a pull request comes from, if that is another.
func forkOf(env Env) string {
	raw, err := os.ReadFile(env("GITHUB_EVENT_PATH"))
	if err != nil {
		return ""
	}
	type end struct {
		Repo *struct {
			FullName string `json:"full_name"`
		} `json:"repo"` // nil: the repository was deleted
	}
	var event struct {
		PullRequest struct{ Head, Base end } `json:"pull_request"`
	}
	if json.Unmarshal(raw, &event) != nil || event.PullRequest.Base.Repo == nil {
		return ""
	}
	head, base := event.PullRequest.Head.Repo, event.PullRequest.Base.Repo.FullName
	switch {
	case head == nil:
		return deletedFork
	case head.FullName == base:
		return ""
	}
	return head.FullName
}

// actionsToken asks the runner's token service. Its URL has a query already.
// Source: actions/toolkit, packages/core/src/oidc-utils.ts.
func actionsToken(ctx context.Context, j job) (string, error) {
	address, err := withQuery(j.Env(requestURL), "audience", j.audience)
	if err != nil {
		return "", err
	}
	return ask{url: address, header: bearer(j.Env(requestToken))}.tokenFrom(ctx, j.remote(), "value")
}
