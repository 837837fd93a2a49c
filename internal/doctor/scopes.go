package doctor

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// An endpoint is a call that only reads, and the scope that it shows.
type endpoint struct {
	name, path, scope string
	use               string // what the scope is for
	older             string // path of an API that does not know the other one
}

// endpoints are asked one by one: each answer speaks for itself alone. That of
// /vip-services is a 404 to a credential without the scope, which says nothing
// against the credential: tailscale/tailscale#19471.
var endpoints = []endpoint{
	{name: "keys", path: "/tailnet/-/keys?all=true", scope: "auth_keys", use: "every join makes an auth key with it"},
	{name: "devices", path: "/tailnet/-/devices", scope: "devices:core", use: "a leave deletes the node of a daemon that died with it"},
	{name: "services", path: "/tailnet/-/services", scope: "services", use: "Tailscale's Kubernetes operator needs it", older: "/tailnet/-/vip-services"},
}

// rightsOf finds out what an access token is good for.
func (r *Request) rightsOf(ctx context.Context, token tsapi.AccessToken) []Check {
	checks := make([]Check, len(endpoints))
	var asking sync.WaitGroup
	for i, e := range endpoints {
		asking.Go(func() { checks[i] = r.ask(ctx, e, token) })
	}
	tags := r.tags(ctx, token)
	asking.Wait()
	for _, scope := range r.Scopes {
		if !slices.ContainsFunc(endpoints, func(e endpoint) bool { return e.scope == scope }) {
			checks = append(checks, r.unprobed(scope, token))
		}
	}
	return append(checks, tags...)
}

func (r *Request) ask(ctx context.Context, e endpoint, token tsapi.AccessToken) Check {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := r.Access.API.Probe(ctx, token, e.path)
	if err == nil && answer.Status == http.StatusNotFound && e.older != "" {
		e.path = e.older
		answer, err = r.Access.API.Probe(ctx, token, e.path)
	}
	if err != nil {
		return r.silent(e.name, err)
	}
	return r.classify(e, token, answer)
}

// classify reads an endpoint's own answer to a token that the API has just
// given.
func (r *Request) classify(e endpoint, token tsapi.AccessToken, a tsapi.Answer) Check {
	path, _, _ := strings.Cut(e.path, "?")
	asked := fmt.Sprintf("GET %s: %d", path, a.Status)
	switch {
	case a.Page || retry.MayPass(a.Status):
		return Check{Name: e.name, Result: Failed, Code: "not-answering", Finding: strings.TrimSpace(asked + " " + a.Message), Hint: "see https://status.tailscale.com, and do it again"}
	case a.Status/100 == 2 && r.needs(e.scope) && len(token.Scopes) > 0 && tsapi.Lacking(token.Scopes, e.scope) != nil:
		return r.lacking(e.name, asked+", which may read and no more", e.scope, "")
	case a.Status/100 == 2:
		return ok(e.name, asked)
	case a.Status == http.StatusForbidden:
		return r.lacking(e.name, asked, e.scope, e.use)
	case a.Status == http.StatusNotFound && e.scope == "services":
		return r.lacking(e.name, asked+", to a token that is good: the scope services is missing, or the tailnet has no Services. The credential itself is fine", e.scope, e.use)
	case a.Status == http.StatusUnauthorized:
		return Check{Name: e.name, Result: Failed, Finding: asked + ", to a token that the API gave just now",
			Hint: "see that api-url and login-server are those of one and the same server"}
	}
	return r.lacking(e.name, strings.TrimSpace(asked+" "+a.Message), e.scope, e.use)
}

// lacking is a fault only for a scope that is needed.
func (r *Request) lacking(name, finding, scope, use string) Check {
	if !r.needs(scope) {
		return Check{Name: name, Result: Note, Finding: finding, Hint: fmt.Sprintf("nothing to do, unless the credential is to have the scope %s: %s", scope, use)}
	}
	return scopeMissing(name, finding, scope)
}

func scopeMissing(name, finding, scopes string) Check {
	return Check{Name: name, Result: Failed, Code: "scope-missing", Finding: finding,
		Hint: fmt.Sprintf("give the credential the scope %s: %s", scopes, access.Credentials)}
}

func (r *Request) needs(scope string) bool { return slices.Contains(r.Scopes, scope) }

// unprobed is a scope of which only the token itself speaks.
func (r *Request) unprobed(scope string, token tsapi.AccessToken) Check {
	if len(token.Scopes) == 0 {
		return skipped(scope, "the API did not say which scopes the token has")
	}
	missing := tsapi.Lacking(token.Scopes, scope)
	if missing == nil {
		return ok(scope, "the token has it")
	}
	finding := "the token does not have it"
	if !slices.Contains(missing, scope) {
		finding = "the token has it alone, and Tailscale grants it only with others"
	}
	return scopeMissing(scope, finding, strings.Join(missing, " and "))
}

// tags compares those that a job wants with those that the API says the
// credential has. To a credential that may not see itself it says nothing.
func (r *Request) tags(ctx context.Context, token tsapi.AccessToken) []Check {
	const name = "tags"
	if len(r.Tags) == 0 {
		return nil
	}
	has := token.Tags
	if len(has) == 0 && r.Access.ClientID != "" {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if c, err := r.Access.API.Credential(ctx, token, r.Access.ClientID); err == nil {
			has = c.Tags
		}
	}
	switch {
	case len(has) == 0:
		return []Check{skipped(name, "the API does not tell this credential its tags: the first join will")}
	case sameSet(has, r.Tags):
		return []Check{ok(name, "the credential has "+strings.Join(has, " ")+"; the policy was not looked at")}
	}
	return []Check{warning(name, fmt.Sprintf("the credential has %s, and a join would ask for %s", strings.Join(has, " "), strings.Join(r.Tags, " ")),
		"a key carries all tags of its credential, or only tags that one of them owns in tagOwners of the policy. Unless that is so,\n"+
			"ask for all of them, or have a credential for each set of tags: "+access.Credentials+"\n"+access.Policy)}
}

func sameSet(a, b []string) bool {
	sorted := func(tags []string) []string { return slices.Compact(slices.Sorted(slices.Values(tags))) }
	return slices.Equal(sorted(a), sorted(b))
}
