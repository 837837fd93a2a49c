package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

// issued is the answer with a token. Its numbers are texts, as Azure's
// metadata service writes them and tsiam does.
type issued struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   string `json:"expires_in"` // seconds
	ExpiresOn   string `json:"expires_on"` // Unix time
	NotBefore   string `json:"not_before"` // Unix time
}

// token decides, writes the decision down, and only then answers.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	e := Entry{Time: s.now().UTC(), Event: eventToken, Remote: r.RemoteAddr}
	answer, err := s.decide(r, &e)
	err = s.noted(r.Context(), &e, err)
	s.metrics.decided(e, time.Since(began))
	if err != nil {
		s.refused(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, answer)
}

// decide goes through the checks, in tsiam's order.
func (s *Server) decide(r *http.Request, e *Entry) (*issued, error) {
	if err := noBrowser(r.Header); err != nil {
		return nil, err
	}
	caller, err := s.caller(r.Context(), r.RemoteAddr)
	if err != nil {
		return nil, refuse(nodeIdentity, err.Error())
	}
	e.of(caller)
	if !s.limits.allow(caller.NodeID, s.now()) {
		return nil, refuse(rateLimited, "")
	}
	audience, err := audienceOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	e.Audience = audience
	decision, err := s.Policy.Decide(caller, audience)
	e.decided(decision)
	if err != nil {
		return nil, refuse(code(err.Error()), "")
	}
	made, err := s.issue(r.Context(), decision, e)
	if err != nil {
		return nil, err
	}
	return &issued{
		AccessToken: made.token.Reveal(), TokenType: "Bearer",
		ExpiresIn: seconds(int64(decision.Lifetime / time.Second)),
		ExpiresOn: seconds(made.expires.Unix()),
		NotBefore: seconds(made.begins.Unix()),
	}, nil
}

// early is how long before it is made a token is valid already: a verifier's
// clock may be slow.
const early = 30 * time.Second

// made is a token, and when it is valid.
type made struct {
	token           secret.Text
	begins, expires time.Time
}

func (s *Server) issue(ctx context.Context, d policy.Decision, e *Entry) (m made, err error) {
	now := s.now()
	expires, begins := now.Add(d.Lifetime), now.Add(-early)
	e.JTI = newID()
	claims := d.Claims
	for name, value := range map[string]any{
		"iss": s.Issuer, "sub": d.Subject, "aud": []string{d.Audience}, "jti": e.JTI,
		"iat": now.Unix(), "nbf": begins.Unix(), "exp": expires.Unix(),
	} {
		claims[name] = value
	}
	began := time.Now()
	signed, err := s.Keys.Sign(ctx, d.Algorithm, claims)
	s.metrics.signed(time.Since(began), err)
	if errors.Is(err, keyring.ErrAway) {
		return m, refuse(unavailable, err.Error())
	} else if err != nil {
		s.Log.ErrorContext(ctx, "no token could be signed", "because", err)
		return m, refuse(internal, "signing")
	}
	e.Key, e.Expires = signed.KeyID, expires.UTC().Truncate(time.Second)
	return made{signed.Token, begins, expires}, nil
}

func seconds(n int64) string { return strconv.FormatInt(n, 10) }

func newID() string {
	var id [24]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// browsers send one of these with whatever a page has them ask for.
var browsers = []string{"Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User"}

// noBrowser refuses what a page could have a node's browser ask for: it would
// be asked with the node's identity.
func noBrowser(h http.Header) error {
	if h.Get("X-Tsiam") == "" {
		return refuse(browser, "missing header X-Tsiam")
	}
	return noPage(h)
}

// noPage refuses what only a page has a browser ask for.
func noPage(h http.Header) error {
	for _, name := range browsers {
		if h.Get(name) != "" {
			return refuse(browser, fmt.Sprintf("found browser header '%s'", name))
		}
	}
	return nil
}

// audienceOf is what a request names by either of two names.
func audienceOf(query url.Values) (string, error) {
	resource, audience := strings.TrimSpace(query.Get("resource")), strings.TrimSpace(query.Get("audience"))
	switch {
	case resource == "" && audience == "":
		return "", refuse(missingAudience, "")
	case resource != "" && audience != "" && resource != audience:
		return "", refuse(audienceConflict, "")
	case resource == "":
		resource = audience
	}
	if len(resource) > policy.LongestAudience {
		return "", refuse(audienceTooLong, "")
	}
	return resource, nil
}
