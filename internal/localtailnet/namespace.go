package localtailnet

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"
)

// A Namespace stands in for the service of Namespace that keeps a workspace's
// named specs. It is an http.Handler:
//
//	POST /nsl.tenants.TenantsService/GetTenantIntegrations
//	POST /nsl.tenants.TenantsService/UpdateTenantIntegrations
//	POST /nsl.signin.SigninService/IssueTenantTokenFromSession
//
// What it answers to a stale version is not documented: it is an aborted call,
// as Connect writes that.
type Namespace struct {
	Token   string // of the workspace: nsct_…, random
	Session string // that is traded for it: st_…, random

	// BeforeUpdate is called before each update; nil is nothing. It may call
	// Put, as somebody else would.
	BeforeUpdate func()

	mux *http.ServeMux

	mu      sync.Mutex
	version int
	specs   map[string]json.RawMessage
}

// NewNamespace has no specs, and version 1.
func NewNamespace() *Namespace {
	n := &Namespace{Token: "nsct_" + rand.Text(), Session: "st_" + rand.Text(), mux: http.NewServeMux(), version: 1, specs: map[string]json.RawMessage{}}
	n.mux.Handle("POST /nsl.tenants.TenantsService/GetTenantIntegrations", n.guard(&n.Token, n.get))
	n.mux.Handle("POST /nsl.tenants.TenantsService/UpdateTenantIntegrations", n.guard(&n.Token, n.update))
	n.mux.Handle("POST /nsl.signin.SigninService/IssueTenantTokenFromSession", n.guard(&n.Session, n.trade))
	return n
}

func (n *Namespace) ServeHTTP(w http.ResponseWriter, r *http.Request) { n.mux.ServeHTTP(w, r) }

// guard lets through who shows a token.
func (n *Namespace) guard(token *string, serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+*token || r.Header.Get("Content-Type") != "application/json" {
			refuseAtNamespace(w, http.StatusUnauthorized, "unauthenticated", "the token is not valid")
			return
		}
		serve(w, r)
	})
}

func refuseAtNamespace(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"code": code, "message": message, "details": []any{}})
}

func (n *Namespace) get(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer(w)
}

func (n *Namespace) answer(w http.ResponseWriter) {
	writeJSON(w, http.StatusOK, map[string]any{"metadata_version": strconv.Itoa(n.version), "tailscale": n.specs})
}

func (n *Namespace) update(w http.ResponseWriter, r *http.Request) {
	if n.BeforeUpdate != nil {
		n.BeforeUpdate()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var change struct {
		Match     string                     `json:"match_metadata_version"`
		Fields    []string                   `json:"update_fields"`
		Tailscale map[string]json.RawMessage `json:"tailscale"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&change); {
	case err != nil:
		refuseAtNamespace(w, http.StatusBadRequest, "invalid_argument", err.Error())
	case len(change.Fields) != 1 || change.Fields[0] != "UPDATE_TAILSCALE":
		refuseAtNamespace(w, http.StatusBadRequest, "invalid_argument", "nothing to update")
	case change.Match != strconv.Itoa(n.version):
		refuseAtNamespace(w, http.StatusConflict, "aborted", "metadata version does not match")
	default:
		n.version++
		n.specs = maps.Clone(change.Tailscale)
		n.answer(w)
	}
}

func (n *Namespace) trade(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"tenant_token": n.Token})
}

// Put makes or replaces a spec, which is JSON.
func (n *Namespace) Put(name, spec string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.version++
	n.specs[name] = json.RawMessage(spec)
}

// Specs are all specs, as JSON by name, and the version.
func (n *Namespace) Specs() (specs map[string]string, version int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	specs = map[string]string{}
	for name, spec := range n.specs {
		specs[name] = string(spec)
	}
	return specs, n.version
}
