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

// isActions holds for GitHub, GitHub Enterprise and Forgejo: one contract.
func isActions(env Env) bool {
	return env("GITHUB_ACTIONS") == "true" || env(requestURL) != ""
}

// actionsMissing tells the two causes of absent variables apart, since the
// remedy differs.
// Source: https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments.
func actionsMissing(j job) *diag.Problem {
	env := j.Env
	if env(requestURL) != "" && env(requestToken) != "" {
		return nil
	}
	p := noToken("this job may not ask for an ID token",
		"give the job, and the caller of a reusable workflow, these permissions:\n  permissions:\n    id-token: write\n    contents: read", nil,
		diag.Fact{Name: requestURL, Value: isSet(env(requestURL))}, diag.Fact{Name: requestToken, Value: isSet(env(requestToken))})
	if env("FORGEJO_ACTIONS") != "" {
		p.Hint = "Forgejo 15 or newer gives ID tokens to a workflow that says:\n  enable-openid-connect: true"
	}
	if fork := forkOf(env); fork != "" {
		p.Summary = "a pull request from a fork may not ask for an ID token"
		p.Facts = append(p.Facts, diag.Fact{Name: "fork", Value: fork})
		p.Hint = "GitHub never gives one to forks. Skip the job there:\n  if: github.event.pull_request.head.repo.full_name == github.repository"
	}
	return p
}

// forkOf is the repository that a pull request comes from, if that is another.
func forkOf(env Env) string {
	raw, err := os.ReadFile(env("GITHUB_EVENT_PATH"))
	if err != nil {
		return ""
	}
	type end struct {
		Repo struct {
			FullName string `json:"full_name"`
		} `json:"repo"`
	}
	var event struct {
		PullRequest struct{ Head, Base end } `json:"pull_request"`
	}
	if json.Unmarshal(raw, &event) != nil {
		return ""
	}
	head, base := event.PullRequest.Head.Repo.FullName, event.PullRequest.Base.Repo.FullName
	if head == base {
		return ""
	}
	return head
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
