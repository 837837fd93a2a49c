package server

import (
	"errors"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/exchange"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

// Names of RFC 8693, section 2.1 and 3.
const (
	tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeJWT       = "urn:ietf:params:oauth:token-type:jwt"
	typeIDToken   = "urn:ietf:params:oauth:token-type:id_token"
	typeAccess    = "urn:ietf:params:oauth:token-type:access_token"
)

var (
	acceptedTypes = []string{typeIDToken, typeJWT}             // of what is shown
	issuedTypes   = []string{typeJWT, typeAccess, typeIDToken} // our token is any of these
)

const (
	longestBody  = 64 << 10
	longestToken = 16 << 10
)

// A wish is what a request for an exchange asks for.
type wish struct {
	token    secret.Text
	audience string
	wanted   string // type of token
}

// readWish reads the form: RFC 8693, section 2.1. What stands in the query
// would stand in logs, and does not count.
func readWish(w http.ResponseWriter, r *http.Request) (wish, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return wish{}, malformed("the body has to be a form: application/x-www-form-urlencoded")
	}
	r.Body = http.MaxBytesReader(w, r.Body, longestBody)
	if err := r.ParseForm(); err != nil {
		return wish{}, malformed("the form cannot be read")
	}
	form := given(r.PostForm)
	switch grant := form.Get("grant_type"); {
	case len(form["grant_type"]) == 0:
		return wish{}, malformed("grant_type is missing")
	case grant != tokenExchange:
		return wish{}, &refusal{unsupportedGrant, ""}
	}
	return newWish(form)
}

// given drops what has no value: that is as if it were not there (RFC 6749,
// section 3.2).
func given(form url.Values) url.Values {
	for name, values := range form {
		form[name] = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	}
	return form
}

// many are the parameters that may be there more than once.
var many = []string{"audience", "resource"}

func newWish(form url.Values) (w wish, err error) {
	for name, values := range form {
		if len(values) > 1 && !slices.Contains(many, name) {
			return w, malformed("a parameter is there twice")
		}
	}
	w = wish{token: secret.New(form.Get("subject_token")), wanted: form.Get("requested_token_type")}
	if w.wanted == "" {
		w.wanted = typeJWT
	}
	switch {
	case w.token.IsZero():
		return w, malformed("subject_token is missing")
	case len(form.Get("subject_token")) > longestToken:
		return w, malformed("subject_token is too long")
	case !slices.Contains(acceptedTypes, form.Get("subject_token_type")):
		return w, malformed("subject_token_type has to be " + strings.Join(acceptedTypes, " or "))
	case !slices.Contains(issuedTypes, w.wanted):
		return w, malformed("requested_token_type can be " + strings.Join(issuedTypes, ", "))
	case form.Get("actor_token")+form.Get("actor_token_type") != "":
		return w, malformed("actor_token is not supported: nobody acts for another here")
	case form.Get("scope") != "":
		return w, &refusal{scopeRefused, ""}
	}
	w.audience, err = target(form)
	return w, err
}

// target is the one audience that a form names, in either way.
func target(form url.Values) (string, error) {
	for _, resource := range form["resource"] { // RFC 8707, section 2
		if u, err := url.Parse(resource); err != nil || !u.IsAbs() || strings.Contains(resource, "#") {
			return "", &refusal{badTarget, "resource has to be an absolute URI without a fragment"}
		}
	}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(form["resource"], form["audience"]))))
	switch {
	case len(all) == 0:
		return "", malformed("audience is missing: whom is the token for?")
	case len(all) > 1:
		return "", &refusal{badTarget, "a token is for one audience: ask for each of them"}
	case len(all[0]) > policy.LongestAudience:
		return "", &refusal{badTarget, "the audience is too long"}
	}
	return all[0], nil
}

// Codes of exchanges, for the audit and the metrics.
const (
	badRequest       code = "invalid_request"
	unsupportedGrant code = "unsupported_grant_type"
	scopeRefused     code = "invalid_scope"
	badTarget        code = "invalid_target"
	issuerNotTrusted code = "issuer_not_trusted"
	tokenInvalid     code = "token_invalid"
	issuerAway       code = "issuer_away"
	notTrusted       code = code(exchange.NotTrusted)
	noSubject        code = code(exchange.NoSubject)
)

func malformed(inner string) error { return &refusal{badRequest, inner} }

// oauthRefusals are how each refusal of an exchange is answered: RFC 6749,
// section 5.2, and RFC 8693, section 2.2.2. What is wrong with a token that
// somebody shows is invalid_request there.
var oauthRefusals = map[code]struct {
	status   int
	err      string
	message  string
	after    string // Retry-After, in seconds
	showsWhy bool   // the caller knows it anyway
}{
	browser:              {400, "invalid_request", "A web page gets no token", "", true},
	rateLimited:          {429, "temporarily_unavailable", "Too many requests come from there", "1", false},
	badRequest:           {400, "invalid_request", "The request cannot be understood", "", true},
	unsupportedGrant:     {400, "unsupported_grant_type", "The grant_type has to be " + tokenExchange, "", false},
	scopeRefused:         {400, "invalid_scope", "There are no scopes here: the audience and the claims say what a token is for", "", false},
	badTarget:            {400, "invalid_target", "No token can be for that", "", true},
	issuerNotTrusted:     {400, "invalid_request", "No rule trusts the issuer of the subject_token", "", true},
	tokenInvalid:         {400, "invalid_request", "The subject_token is not valid", "", true},
	issuerAway:           {503, "temporarily_unavailable", "The keys of the subject_token's issuer cannot be had", "10", false},
	notTrusted:           {400, "invalid_request", "No rule trusts this subject_token", "", true},
	noSubject:            {400, "invalid_request", "The subject_token lacks a claim of which the rule makes the subject, or that is too long", "", false},
	audienceNotPermitted: {400, "invalid_target", "No rule lets the subject_token's workload have tokens for this audience", "", false},
	audienceNotAllowed:   {400, "invalid_target", "The service's configuration does not allow this audience", "", false},
	unavailable:          {503, "temporarily_unavailable", "The signing keys cannot be reached", "5", false},
	internal:             {500, "server_error", "Something failed that the service's log has", "", false},
}

// refusedOAuth answers with an error, in OAuth's form.
func (s *Server) refusedOAuth(w http.ResponseWriter, err error) {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		r = &refusal{code: internal}
	}
	how := oauthRefusals[r.code]
	if how.after != "" {
		w.Header().Set("Retry-After", how.after)
	}
	description := how.message
	if how.showsWhy && r.inner != "" {
		description += ": " + r.inner
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, how.status, map[string]string{"error": how.err, "error_description": describable(description)})
}

// describable are the characters that a description may have: RFC 6749,
// section 5.2.
func describable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < 0x20 || r > 0x7e || r == '\\':
			return '?'
		}
		return r
	}, text)
}

// network is where a stranger's requests are counted: all of an IPv6 network
// are one.
func network(remote string) string {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	bits := 32
	if addr := from.Addr().Unmap(); addr.Is6() {
		bits = 64
	}
	prefix, err := from.Addr().Unmap().Prefix(bits)
	if err != nil {
		return from.Addr().String()
	}
	return prefix.String()
}
