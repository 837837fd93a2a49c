package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v66/github"
)

// LongestComment is the most characters that GitHub takes.
const LongestComment = 65536

// SetComment has one comment of ours on a pull request, or an issue: the first
// that begins with marker, which no reader sees. If there is none, it is made,
// unless onlyIfThere. It needs the permission to write pull requests.
func (c *Client) SetComment(ctx context.Context, p Place, number int, marker, body string, onlyIfThere bool) error {
	body = marker + "\n" + body
	on := commentsOn{c, p, number, marker}
	old, err := on.find(ctx)
	switch {
	case err != nil:
		return err
	case old == nil && onlyIfThere || old != nil && old.GetBody() == body:
		return nil
	case old == nil:
		return on.create(ctx, body)
	default:
		return on.edit(ctx, old.GetID(), body)
	}
}

// commentsOn are the comments on one pull request, of which one is ours.
type commentsOn struct {
	*Client
	place  Place
	number int
	marker string
}

func (on commentsOn) String() string { return fmt.Sprintf("%s#%d", on.place, on.number) }

// create makes the comment. After an answer that was lost it looks first: one
// comment is enough.
func (on commentsOn) create(ctx context.Context, body string) error {
	asked := false
	_, _, err := call(ctx, on.Client, "commenting on "+on.String(), func(ctx context.Context) (*gh.IssueComment, *gh.Response, error) {
		if asked {
			if made, err := on.find(ctx); made != nil || err != nil {
				return made, nil, err
			}
		}
		asked = true
		return on.api.Issues.CreateComment(ctx, on.place.Owner, on.place.Repo, on.number, &gh.IssueComment{Body: &body})
	})
	return err
}

func (on commentsOn) edit(ctx context.Context, id int64, body string) error {
	_, _, err := call(ctx, on.Client, "editing a comment on "+on.String(), func(ctx context.Context) (*gh.IssueComment, *gh.Response, error) {
		return on.api.Issues.EditComment(ctx, on.place.Owner, on.place.Repo, id, &gh.IssueComment{Body: &body})
	})
	return err
}

// find is the oldest comment of ours with the marker, nil if there is none.
// Anyone can write the marker. A comment of another author is not changed: that
// author, a bot too, could change it afterwards.
func (on commentsOn) find(ctx context.Context) (*gh.IssueComment, error) {
	ours, err := on.author(ctx)
	if err != nil {
		return nil, err
	}
	page := &gh.IssueListCommentsOptions{ListOptions: gh.ListOptions{PerPage: 100}}
	for {
		some, res, err := call(ctx, on.Client, "listing the comments on "+on.String(), func(ctx context.Context) ([]*gh.IssueComment, *gh.Response, error) {
			return on.api.Issues.ListComments(ctx, on.place.Owner, on.place.Repo, on.number, page)
		})
		if err != nil {
			return nil, err
		}
		for _, comment := range some {
			if strings.HasPrefix(comment.GetBody(), on.marker) && ours(comment.GetUser()) {
				return comment, nil
			}
		}
		if res.NextPage == 0 {
			return nil, nil
		}
		page.Page = res.NextPage
	}
}

// author tells who this token writes as. GET /user refuses the token of an app,
// which a job's own token is; GraphQL says its bot's login.
func (on commentsOn) author(ctx context.Context) (func(*gh.User) bool, error) {
	me, _, err := call(ctx, on.Client, "asking who the token is of", func(ctx context.Context) (*gh.User, *gh.Response, error) {
		return on.api.Users.Get(ctx, "")
	})
	if !IsStatus(err, http.StatusForbidden) {
		return func(u *gh.User) bool { return u.GetID() == me.GetID() }, err
	}
	login := on.bot(ctx)
	return func(u *gh.User) bool {
		return u.GetType() == "Bot" && strings.TrimSuffix(u.GetLogin(), "[bot]") == login
	}, nil
}

// jobsBot is the login of a job's own token.
const jobsBot = "github-actions"

// bot is the login of the app whose token this is, without its "[bot]". A server
// without GraphQL has no other app than its own.
func (on commentsOn) bot(ctx context.Context) string {
	var answer struct {
		Data struct{ Viewer struct{ Login string } }
	}
	_, _, err := call(ctx, on.Client, "asking which app the token is of", func(ctx context.Context) (any, *gh.Response, error) {
		req, err := on.api.NewRequest(http.MethodPost, on.graphql(), map[string]string{"query": "{viewer{login}}"})
		if err != nil {
			return nil, nil, err
		}
		res, err := on.api.Do(ctx, req, &answer)
		return nil, res, err
	})
	if login := strings.TrimSuffix(answer.Data.Viewer.Login, "[bot]"); err == nil && login != "" {
		return login
	}
	return jobsBot
}

// graphql is the endpoint beside the REST API: https://api.github.com/graphql,
// or https://HOST/api/graphql of an Enterprise Server, whose REST API is at /api/v3.
func (c *Client) graphql() string {
	if strings.HasSuffix(c.api.BaseURL.Path, "/api/v3/") {
		return "../graphql"
	}
	return "graphql"
}
