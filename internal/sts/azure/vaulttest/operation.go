package vaulttest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (v *Vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Host {
	case login:
		v.entra(w, r)
	case host:
		v.vault(w, r)
	default:
		v.t.Errorf("somebody asks for %s of %s", r.URL, r.Host)
		http.NotFound(w, r)
	}
}

// An operation is one of the vault's REST API.
type operation struct {
	method, path string // of elements; those in braces stand for any
	name         string // as permissions are called
	run          func(v *Vault, r *http.Request) (any, *refusal)
}

var operations = []operation{
	{"PUT", "secrets/{name}", "secrets/set", (*Vault).setSecret},
	{"GET", "secrets/{name}/versions", "secrets/list", (*Vault).listSecret},
	{"GET", "secrets/{name}/{version}", "secrets/get", (*Vault).getSecret},
	{"POST", "keys/{name}/create", "keys/create", (*Vault).createKey},
	{"POST", "keys/{name}/{version}/sign", "keys/sign", (*Vault).sign},
}

// find is the operation that a request is for. It keeps what the braces stand
// for in the request.
func find(r *http.Request) (operation, bool) {
	got := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	i := slices.IndexFunc(operations, func(o operation) bool {
		want := strings.Split(o.path, "/")
		return o.method == r.Method && slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") && g != "" })
	})
	if i < 0 {
		return operation{}, false
	}
	for j, name := range strings.Split(operations[i].path, "/") {
		r.SetPathValue(strings.Trim(name, "{}"), got[j])
	}
	return operations[i], true
}

func (v *Vault) vault(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	o, ok := find(r)
	if !ok || r.URL.Query().Get("api-version") != "2025-07-01" {
		v.t.Errorf("the vault is asked for %s %s", r.Method, r.URL)
		badParameter("what is this?").answer(w)
		return
	}
	if !v.authorized(r) {
		w.Header().Set("WWW-Authenticate", challenge(r))
		(&refusal{401, "Unauthorized", "", "AKV10000: Request is missing a Bearer or PoP token."}).answer(w)
		return
	}
	d := v.ask(o.name)
	pause(r.Context(), d.Before)
	if d.Status != 0 && !d.Done {
		d.answer(w)
		return
	}
	result, refused := v.permitted(o, r)
	pause(r.Context(), d.After)
	switch {
	case d.Status != 0:
		d.answer(w)
	case refused != nil:
		refused.answer(w)
	default:
		writeJSON(w, 200, result)
	}
}

// challenge says where there are tokens. Of one that was taken back it says so
// too, or its owner would show it again: continuous access evaluation.
func challenge(r *http.Request) string {
	said := `Bearer authorization="https://` + login + `/` + TenantID + `", resource="https://vault.azure.net"`
	if r.Header.Get("Authorization") != "" {
		said += `, error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(`{"access_token":{"nbf":{"essential":true,"value":"1"}}}`)) + `"`
	}
	return said
}

func (v *Vault) ask(operation string) Disruption {
	v.mu.Lock()
	v.asked[operation]++
	f := v.disrupt
	v.mu.Unlock()
	if f == nil {
		return Disruption{}
	}
	return f(operation)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (d Disruption) answer(w http.ResponseWriter) {
	if d.RetryAfter != "" {
		w.Header().Set("Retry-After", d.RetryAfter)
	}
	(&refusal{d.Status, http.StatusText(d.Status), "", "something went wrong on purpose"}).answer(w)
}

func (v *Vault) permitted(o operation, r *http.Request) (any, *refusal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.forbidden[o.name] {
		return nil, &refusal{403, "Forbidden", "ForbiddenByRbac",
			"Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid=" + ClientID}
	}
	return o.run(v, r)
}

// A refusal is an error as the vault writes it.
type refusal struct {
	status               int
	code, inner, message string
}

func badParameter(message string) *refusal { return &refusal{400, "BadParameter", "", message} }

func (r *refusal) answer(w http.ResponseWriter) {
	e := map[string]any{"code": r.code, "message": r.message}
	if r.inner != "" {
		e["innererror"] = map[string]any{"code": r.inner}
	}
	writeJSON(w, r.status, map[string]any{"error": e})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(raw)
}

// read decodes a body; what the API does not know is refused.
func read(r *http.Request, v any) *refusal {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badParameter(err.Error())
	}
	return nil
}
