package localtailnet

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/contract"
)

// An endpoint is one call of Tailscale's API v2.
type endpoint struct {
	pattern string // as http.ServeMux has it, below /api/v2
	op      string // the fault that can hit it
	scope   string // what the access token must be good for; "" is for answer to say
	// answer returns what goes out as JSON with status 200, nil for an empty body,
	// or an apiError.
	answer func(*http.Request, *accessToken) (any, error)
}

func (t *Tailnet) endpoints() []endpoint {
	return []endpoint{
		{"GET /tailnet/{tailnet}/acl", OpPolicy, "policy_file:read", t.getPolicy},
		{"POST /tailnet/{tailnet}/acl", OpPolicy, "policy_file", t.setPolicy},
		{"POST /tailnet/{tailnet}/acl/validate", OpPolicy, "policy_file:read", t.validatePolicy},
		{"POST /tailnet/{tailnet}/keys", OpKeys, "", t.createAnyKey},
		{"GET /tailnet/{tailnet}/keys", OpKeys, "", t.listAnyKeys},
		{"GET /tailnet/{tailnet}/keys/{id}", OpKeys, "", t.getAnyKey},
		{"PUT /tailnet/{tailnet}/keys/{id}", OpKeys, "", t.setCredential},
		{"DELETE /tailnet/{tailnet}/keys/{id}", OpKeys, "", t.deleteAnyKey},
		{"GET /tailnet/{tailnet}/devices", OpDevices, "devices:core:read", t.listDevices},
		{"GET /device/{id}", OpDevices, "devices:core:read", t.getDevice},
		{"DELETE /device/{id}", OpDevices, "devices:core", t.deleteDevice},
		{"POST /device/{id}/authorized", OpDevices, "devices:core", t.authorizeDevice},
		{"GET /device/{id}/attributes", OpDevices, "devices:posture_attributes:read", t.getAttributes},
		{"POST /device/{id}/attributes/{key}", OpDevices, "devices:posture_attributes", t.setAttributeOf},
		{"DELETE /device/{id}/attributes/{key}", OpDevices, "devices:posture_attributes", t.deleteAttribute},
		{"PATCH /tailnet/{tailnet}/device-attributes", OpDevices, "devices:posture_attributes", t.patchAttributes},
		{"GET /tailnet/{tailnet}/services", OpServices, "services:read", t.listServices},
		{"GET /tailnet/{tailnet}/vip-services", OpServices, "", t.listVIPServices},
	}
}

// mountAPI serves the API on mux, under /api/v2.
func (t *Tailnet) mountAPI(mux *http.ServeMux) {
	contract.Published() // read now, so that no request waits for it
	for _, e := range t.endpoints() {
		method, path, _ := strings.Cut(e.pattern, " ")
		mux.Handle(method+" "+apiRoot+path, t.asked(t.faulty(e.op, t.answered(t.guarded(e)))))
	}
	mux.Handle("POST "+apiRoot+"/oauth/token-exchange", t.asked(t.faulty(OpExchange, answering(t.exchange))))
	mux.Handle("POST "+apiRoot+"/oauth/token", t.asked(t.faulty(OpOAuth, answering(t.grant))))
	mux.Handle(apiRoot+"/", t.asked(http.HandlerFunc(t.unknown)))
}

// guarded lets through who has a token good for the endpoint.
func (t *Tailnet) guarded(e endpoint) http.Handler {
	return answering(func(r *http.Request) (any, error) {
		actor, err := t.actor(r, time.Now())
		if err != nil {
			return nil, err
		}
		if err := t.permit(e.op, r, actor, e.scope); err != nil {
			return nil, err
		}
		if !slices.Contains([]string{"", "-", t.opts.Name, t.id}, r.PathValue("tailnet")) {
			return nil, apiError{http.StatusNotFound, "tailnet not found"}
		}
		return e.answer(r, actor)
	})
}

// permit refuses an actor whose scopes do not include need; "" is no need.
func (t *Tailnet) permit(op string, r *http.Request, actor *accessToken, need string) error {
	if need == "" || actor.may(need) {
		return nil
	}
	t.event(op, http.StatusForbidden, "%s %s: %v do not include %s", r.Method, r.URL.Path, actor.scopes, need)
	return errScope
}

// An apiError is a refusal, as the API says it: {"message": …}.
type apiError struct {
	status  int
	Message string `json:"message"`
}

func (e apiError) Error() string { return e.Message }

var (
	errToken = apiError{http.StatusUnauthorized, "API token invalid"}
	errScope = apiError{http.StatusForbidden, "calling actor does not have enough permissions to perform this function"}
)

// answering sends what answer returns: an error that is no apiError is a 500.
func answering(answer func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := answer(r)
		if d, ok := v.(document); ok && err == nil {
			d.write(w)
			return
		}
		if v == nil && err == nil { // the API answers with an empty body
			w.WriteHeader(http.StatusOK)
			return
		}
		if err == nil {
			writeJSON(w, http.StatusOK, v)
			return
		}
		refusal := refusalOf(err)
		writeJSON(w, refusal.status, refusal)
	})
}

// refusalOf is what the API says of an error.
func refusalOf(err error) policyError {
	refusal := policyError{apiError: apiError{http.StatusInternalServerError, err.Error()}}
	if !errors.As(err, &refusal) {
		errors.As(err, &refusal.apiError)
	}
	return refusal
}

// An accessToken is what the API gives out to be called with.
type accessToken struct {
	secret  string // tskey-api-…
	client  string // the credential that gave it
	person  bool   // somebody made it for themselves, instead
	scopes  []string
	tags    []string // of the credential that gave it
	expires time.Time
}

// actor is the token that a request carries, as Bearer or as the user name of
// Basic authentication.
func (t *Tailnet) actor(r *http.Request, now time.Time) (*accessToken, error) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		secret, _, _ = r.BasicAuth()
	}
	var found *accessToken
	t.state.read(func() {
		i := slices.IndexFunc(t.state.tokens, func(a *accessToken) bool { return a.secret == secret })
		if i >= 0 && now.Before(t.state.tokens[i].expires) {
			found = t.state.tokens[i]
		}
	})
	if found == nil {
		return nil, errToken
	}
	return found, nil
}

// userID is the ID of the person who made a; "" if a credential gave it.
func (a *accessToken) userID() string {
	if a.person {
		return userID(person)
	}
	return ""
}

// companions are the scopes without which Tailscale does not grant a scope. It
// answers a token with policy_file alone as one without it.
// Source: https://tailscale.com/docs/reference/trust-credentials and
// https://github.com/tailscale/gitops-acl-action/pull/50.
var companions = map[string][]string{
	"policy_file":      {"devices:core:read", "devices:posture_attributes"},
	"policy_file:read": {"devices:core:read", "devices:posture_attributes:read"},
}

// may reports whether a's scopes include need. A scope includes its :read form
// and what lies below it; all includes everything. From before scopes were
// split are devices, which includes devices:core, and acl, now policy_file.
func (a *accessToken) may(need string) bool {
	return slices.ContainsFunc(a.scopes, func(scope string) bool { return includes(scope, need) && a.has(companions[scope]) })
}

// covers is may without companions: what a credential can grant.
func (a *accessToken) covers(need string) bool {
	return slices.ContainsFunc(a.scopes, func(scope string) bool { return includes(scope, need) })
}

// has reports whether a's scopes include all of these.
func (a *accessToken) has(scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(scope string) bool { return !a.may(scope) })
}

func includes(scope, need string) bool {
	area, readOnly := strings.CutSuffix(scope, ":read")
	wanted, reading := strings.CutSuffix(need, ":read")
	if readOnly && !reading {
		return false
	}
	return area == "all" || area == wanted || strings.HasPrefix(wanted, area+":") || area == "acl" && wanted == "policy_file"
}
