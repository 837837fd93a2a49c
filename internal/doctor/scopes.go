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
}

// endpoints are asked one by one: each answer speaks for itself alone. That of
// /vip-services is a 404 to a credential without the scope, which says nothing
// against the credential: tailscale/tailscale#19471.
var endpoints = []endpoint{
	{"keys", "/tailnet/-/keys?all=true", "auth_keys", "every join makes an auth key with it"},
	{"devices", "/tailnet/-/devices", "devices:core", "a leave deletes the node of a daemon that died with it"},
	{"services", "/tailnet/-/vip-services", "services", "Tailscale's Kubernetes operator needs it"},
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
	case a.Status/100 == 2 && r.needs(e.scope) && len(token.Scopes) > 0 && !covers(token.Scopes, e.scope):
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
	return Check{Name: name, Result: Failed, Code: "scope-missing", Finding: finding,
		Hint: fmt.Sprintf("give the credential the scope %s: %s", scope, access.Credentials)}
}

func (r *Request) needs(scope string) bool { return slices.Contains(r.Scopes, scope) }

// unprobed is a scope of which only the token itself speaks.
func (r *Request) unprobed(scope string, token tsapi.AccessToken) Check {
	switch {
	case len(token.Scopes) == 0:
		return skipped(scope, "the API did not say which scopes the token has")
	case covers(token.Scopes, scope):
		return ok(scope, "the token has it")
	}
	return r.lacking(scope, "the token does not have it", scope, "")
}

// covers says whether some of the scopes include one. A scope includes its
// :read form and what lies below it; all includes everything.
// Source: https://tailscale.com/docs/reference/trust-credentials.
func covers(have []string, want string) bool {
	return slices.ContainsFunc(have, func(scope string) bool {
		area, reads := strings.CutSuffix(scope, ":read")
		wanted, reading := strings.CutSuffix(want, ":read")
		return (!reads || reading) && (area == "all" || area == wanted || strings.HasPrefix(wanted, area+":"))
	})
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
	lacks := slices.DeleteFunc(slices.Clone(r.Tags), func(tag string) bool { return slices.Contains(has, tag) })
	switch {
	case len(has) == 0:
		return []Check{skipped(name, "the API does not tell this credential its tags: the first join will")}
	case len(lacks) > 0:
		return []Check{warning(name, fmt.Sprintf("the credential has %s, and not %s", strings.Join(has, " "), strings.Join(lacks, " ")),
			"add them to the credential, unless its tags own them in tagOwners: "+access.Credentials)}
	case len(has) > len(r.Tags):
		return []Check{warning(name, fmt.Sprintf("the credential has %s: of several tags, a key must give all", strings.Join(has, " ")),
			"ask for all of them, or have those that are asked for owned by one of them in tagOwners: "+access.Policy)}
	}
	return []Check{ok(name, strings.Join(has, " "))}
}
