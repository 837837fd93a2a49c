package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	gh "github.com/google/go-github/v66/github"
)

// A Repository is what GitHub says of one.
type Repository struct {
	Owner, Name   string // as GitHub writes them: its tokens do too
	ID, OwnerID   int64
	DefaultBranch string
	Visibility    string // public, private or internal
	Created       time.Time
}

// Repository looks a repository up. It needs the permission to read metadata.
func (c *Client) Repository(ctx context.Context, p Place) (Repository, error) {
	doing := fmt.Sprintf("looking for %s/%s", p.Owner, p.Repo)
	r, _, err := call(ctx, c, doing, func(ctx context.Context) (*gh.Repository, *gh.Response, error) {
		return c.api.Repositories.Get(ctx, p.Owner, p.Repo)
	})
	return Repository{
		Owner: r.GetOwner().GetLogin(), Name: r.GetName(), ID: r.GetID(), OwnerID: r.GetOwner().GetID(),
		DefaultBranch: r.GetDefaultBranch(), Visibility: r.GetVisibility(), Created: r.GetCreatedAt().Time,
	}, err
}

// A Subject is what the subject of a repository's ID tokens is made of.
// Source: https://docs.github.com/actions/reference/security/oidc.
type Subject struct {
	Keys   []string // claims whose names and values follow each other in it; nil: the default ones
	Prefix string   // what "repo" stands for in it: "repo:acme/web" or "repo:acme@1001/web@2002"; "" if GitHub does not say
}

// A template is the customization of a subject. go-github v66 is older than
// its last two fields.
type template struct {
	UseDefault bool     `json:"use_default"` // of a repository
	Keys       []string `json:"include_claim_keys"`
	Immutable  *bool    `json:"use_immutable_subject"` // may be false beside an immutable prefix, which is what counts
	Prefix     string   `json:"sub_claim_prefix"`      // of a repository
}

// Subject asks which subject a repository really sends: by its own template,
// by that of its organisation if it leaves it to that, or the default one. It
// needs the permission to read Actions, and for an organisation's template
// that to read its administration.
func (c *Client) Subject(ctx context.Context, r Repository) (Subject, error) {
	t, err := c.template(ctx, "repos/"+url.PathEscape(r.Owner)+"/"+url.PathEscape(r.Name), r.Owner+"/"+r.Name)
	if err != nil {
		return Subject{}, err
	}
	s := Subject{Keys: t.Keys, Prefix: t.Prefix}
	switch {
	case s.Prefix != "":
	case t.Immutable != nil && *t.Immutable:
		s.Prefix = fmt.Sprintf("repo:%s@%d/%s@%d", r.Owner, r.OwnerID, r.Name, r.ID)
	case t.Immutable != nil:
		s.Prefix = fmt.Sprintf("repo:%s/%s", r.Owner, r.Name)
	}
	switch {
	case t.UseDefault:
		s.Keys = nil
	case len(t.Keys) == 0:
		s.Keys, err = c.orgKeys(ctx, r.Owner)
	}
	return s, err
}

// orgKeys are those of an organisation's template. GitHub says 404 if it has
// none, and if this token may not see it: so the default is not guessed.
func (c *Client) orgKeys(ctx context.Context, org string) ([]string, error) {
	t, err := c.template(ctx, "orgs/"+url.PathEscape(org), "the organisation "+org)
	return t.Keys, err
}

func (c *Client) template(ctx context.Context, path, of string) (template, error) {
	t, _, err := call(ctx, c, "asking for the subject template of "+of, func(ctx context.Context) (t template, res *gh.Response, err error) {
		req, err := c.api.NewRequest(http.MethodGet, path+"/actions/oidc/customization/sub", nil)
		if err != nil {
			return t, nil, err
		}
		res, err = c.api.Do(ctx, req, &t)
		return t, res, err
	})
	return t, err
}

// Issuer is that of the ID tokens of this GitHub's jobs. An enterprise may have
// chosen one with its own name behind it, which nobody but its administrator
// can ask for.
func (c *Client) Issuer() string {
	host := c.api.BaseURL.Host
	switch name, isCloud := strings.CutSuffix(strings.TrimPrefix(host, "api."), ".ghe.com"); {
	case isCloud:
		return "https://token.actions." + name + ".ghe.com"
	case c.isEnterpriseServer():
		return c.api.BaseURL.Scheme + "://" + host + "/_services/token"
	default:
		return "https://token.actions.githubusercontent.com"
	}
}

// isEnterpriseServer holds for a GitHub that its users run themselves.
func (c *Client) isEnterpriseServer() bool {
	host := c.api.BaseURL.Host
	return host != "api.github.com" && !strings.HasSuffix(host, ".ghe.com")
}
