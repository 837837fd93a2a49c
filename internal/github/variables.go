package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v66/github"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// A Variable is one of those that workflows read as vars.NAME.
type Variable struct {
	Name, Value string
	Sight       Sight // of an organisation's
}

// A Sight says which repositories see a variable of an organisation. The zero
// value leaves it as it is, and is private for a new variable.
type Sight struct {
	Visibility   string   // all, private (which GitHub Free does not have) or selected
	Repositories []string // OWNER/REPO, if selected; none leaves them as they are
}

// Limits of GitHub.
// Source: https://docs.github.com/actions/reference/workflows-and-actions/variables.
const (
	LongestValue = 48 << 10 // bytes
	pageSize     = 30
)

// variablesOf are the calls for one place: go-github has a family for each.
type variablesOf struct {
	list           func(context.Context, *gh.ListOptions) (*gh.ActionsVariables, *gh.Response, error)
	create, update func(context.Context, *gh.ActionsVariable) (*gh.Response, error)
	remove         func(ctx context.Context, name string) (*gh.Response, error)
}

func (c *Client) variablesOf(p Place) variablesOf {
	a := c.api.Actions
	owner, repo, env := p.Owner, p.Repo, p.environment()
	switch {
	case p.Org != "":
		return variablesOf{
			func(ctx context.Context, o *gh.ListOptions) (*gh.ActionsVariables, *gh.Response, error) {
				return a.ListOrgVariables(ctx, p.Org, o)
			},
			func(ctx context.Context, v *gh.ActionsVariable) (*gh.Response, error) {
				return a.CreateOrgVariable(ctx, p.Org, v)
			},
			func(ctx context.Context, v *gh.ActionsVariable) (*gh.Response, error) {
				return a.UpdateOrgVariable(ctx, p.Org, v)
			},
			func(ctx context.Context, name string) (*gh.Response, error) {
				return a.DeleteOrgVariable(ctx, p.Org, name)
			},
		}
	case p.Environment != "":
		return variablesOf{
			func(ctx context.Context, o *gh.ListOptions) (*gh.ActionsVariables, *gh.Response, error) {
				return a.ListEnvVariables(ctx, owner, repo, env, o)
			},
			func(ctx context.Context, v *gh.ActionsVariable) (*gh.Response, error) {
				return a.CreateEnvVariable(ctx, owner, repo, env, v)
			},
			func(ctx context.Context, v *gh.ActionsVariable) (*gh.Response, error) {
				return a.UpdateEnvVariable(ctx, owner, repo, env, v)
			},
			func(ctx context.Context, name string) (*gh.Response, error) {
				return a.DeleteEnvVariable(ctx, owner, repo, env, name)
			},
		}
	default:
		return variablesOf{
			func(ctx context.Context, o *gh.ListOptions) (*gh.ActionsVariables, *gh.Response, error) {
				return a.ListRepoVariables(ctx, owner, repo, o)
			},
			func(ctx context.Context, v *gh.ActionsVariable) (*gh.Response, error) {
				return a.CreateRepoVariable(ctx, owner, repo, v)
			},
			func(ctx context.Context, v *gh.ActionsVariable) (*gh.Response, error) {
				return a.UpdateRepoVariable(ctx, owner, repo, v)
			},
			func(ctx context.Context, name string) (*gh.Response, error) {
				return a.DeleteRepoVariable(ctx, owner, repo, name)
			},
		}
	}
}

// Variables are all of a place whose names begin with prefix.
func (c *Client) Variables(ctx context.Context, p Place, prefix string) (found []Variable, err error) {
	of, page := c.variablesOf(p), &gh.ListOptions{PerPage: pageSize}
	for {
		some, res, err := call(ctx, c, "listing the variables of "+p.String(), func(ctx context.Context) (*gh.ActionsVariables, *gh.Response, error) {
			return of.list(ctx, page)
		})
		if err != nil {
			return nil, err
		}
		for _, v := range some.Variables {
			if strings.HasPrefix(v.Name, prefix) {
				found = append(found, Variable{v.Name, v.Value, Sight{Visibility: v.GetVisibility()}})
			}
		}
		if res.NextPage == 0 {
			return found, nil
		}
		page.Page = res.NextPage
	}
}

// SetVariable creates or replaces a variable. An update always sends the
// value: go-github would send an empty one.
func (c *Client) SetVariable(ctx context.Context, p Place, v Variable) error {
	if len(v.Value) > LongestValue {
		return diag.Input(fmt.Sprintf("the value of the variable %s is too long for GitHub", v.Name), "make it shorter",
			diag.Fact{Name: "bytes", Value: fmt.Sprint(len(v.Value))}, diag.Fact{Name: "limit", Value: fmt.Sprint(LongestValue)})
	}
	wire := &gh.ActionsVariable{Name: v.Name, Value: v.Value}
	if err := c.show(ctx, wire, v.Sight); err != nil {
		return err
	}
	of, doing := c.variablesOf(p), fmt.Sprintf("the variable %s of %s", v.Name, p)
	err := c.send(ctx, "replacing "+doing, wire, of.update)
	if !IsStatus(err, http.StatusNotFound) {
		return err
	}
	if p.Org != "" && wire.Visibility == nil {
		wire.Visibility = gh.String("private")
	}
	err = c.send(ctx, "creating "+doing, wire, of.create)
	if IsStatus(err, http.StatusConflict) { // somebody was quicker, or an answer of GitHub was lost
		return c.send(ctx, "replacing "+doing, wire, of.update)
	}
	return err
}

func (c *Client) send(ctx context.Context, doing string, v *gh.ActionsVariable, to func(context.Context, *gh.ActionsVariable) (*gh.Response, error)) error {
	_, _, err := call(ctx, c, doing, func(ctx context.Context) (struct{}, *gh.Response, error) {
		res, err := to(ctx, v)
		return struct{}{}, res, err
	})
	return err
}

// show says who sees a variable, if that is to change.
func (c *Client) show(ctx context.Context, wire *gh.ActionsVariable, s Sight) error {
	if s.Visibility == "" {
		return nil
	}
	wire.Visibility = &s.Visibility
	if len(s.Repositories) == 0 {
		return nil
	}
	ids := gh.SelectedRepoIDs{}
	for _, name := range s.Repositories {
		id, err := c.repositoryID(ctx, name)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	wire.SelectedRepositoryIDs = &ids
	return nil
}

func (c *Client) repositoryID(ctx context.Context, name string) (int64, error) {
	p, err := InRepo(name, "")
	if err != nil {
		return 0, err
	}
	repo, _, err := call(ctx, c, "looking for "+name, func(ctx context.Context) (*gh.Repository, *gh.Response, error) {
		return c.api.Repositories.Get(ctx, p.Owner, p.Repo)
	})
	return repo.GetID(), err
}

// RemoveVariable deletes a variable. One that is not there is a Problem that
// holds a 404.
func (c *Client) RemoveVariable(ctx context.Context, p Place, name string) error {
	_, _, err := call(ctx, c, fmt.Sprintf("deleting the variable %s of %s", name, p), func(ctx context.Context) (struct{}, *gh.Response, error) {
		res, err := c.variablesOf(p).remove(ctx, name)
		return struct{}{}, res, err
	})
	return err
}
