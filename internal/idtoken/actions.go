package idtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/sethvargo/go-githubactions"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
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
func actionsMissing(env Env) *diag.Problem {
	if env(requestURL) != "" && env(requestToken) != "" {
		return nil
	}
	p := &diag.Problem{
		Code:    "no-id-token",
		Summary: "this job may not ask for an ID token",
		Facts:   []diag.Fact{{Name: requestURL, Value: isSet(env(requestURL))}, {Name: requestToken, Value: isSet(env(requestToken))}},
		Hint:    "give the job, and the caller of a reusable workflow, these permissions:\n  permissions:\n    id-token: write\n    contents: read",
	}
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

func isSet(value string) string {
	if value == "" {
		return "not set"
	}
	return "set"
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

// actionsToken asks the runner's token service, through go-githubactions,
// which neither masks, retries nor checks what it gets: that is done here and
// by the callers.
func actionsToken(ctx context.Context, env Env, client *http.Client, audience string) (string, error) {
	noted := &noting{next: client.Transport}
	with := *client
	with.Transport = noted
	action := githubactions.New(githubactions.WithGetenv(githubactions.GetenvFunc(env)), githubactions.WithHTTPClient(&with))
	token, err := action.GetIDToken(ctx, audience)
	if refused, ok := errors.AsType[*githubactions.RequestFailedError](err); ok {
		return "", actionsRefused(refused.StatusCode, noted.header)
	}
	return token, retry.Network(err)
}

// actionsRefused tells what may change by itself from what the reader must
// change. The body of the answer is not kept: nobody says what it may hold.
func actionsRefused(status int, header http.Header) error {
	err := retry.Status(fmt.Errorf("the runner's token service answered %d %s", status, http.StatusText(status)), status, header)
	if _, ok := errors.AsType[*retry.Later](err); ok {
		return err
	}
	return &diag.Problem{
		Code:    "id-token-refused",
		Summary: "the runner's token service gives this job no ID token",
		Err:     err,
		Hint: "its token for that may have run out, as it does in a job of many hours: join earlier in the job.\n" +
			"Else see https://www.githubstatus.com, and what a self-hosted server's administrator says of its OIDC provider",
	}
}

// A noting transport remembers the header of the last answer: the error of
// go-githubactions does not have it, and Retry-After is there.
type noting struct {
	next   http.RoundTripper // nil is http.DefaultTransport
	header http.Header
}

func (n *noting) RoundTrip(req *http.Request) (*http.Response, error) {
	next := n.next
	if next == nil {
		next = http.DefaultTransport
	}
	res, err := next.RoundTrip(req)
	if err == nil {
		n.header = res.Header
	}
	return res, err
}
