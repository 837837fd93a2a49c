package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

// Paths of what is published, below the issuer.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	KeysPath      = "/.well-known/jwks.json"
)

// Discovery is the issuer's metadata: OpenID Connect Discovery 1.0, section 3.
// It has what a verifier of tokens needs, and no place where people log in.
func Discovery(issuer, tokenURL string, algorithms []string, p *policy.Policy) ([]byte, error) {
	return json.MarshalIndent(struct {
		Issuer        string   `json:"issuer"`
		JWKSURI       string   `json:"jwks_uri"`
		TokenEndpoint string   `json:"token_endpoint,omitempty"`
		ResponseTypes []string `json:"response_types_supported"`
		SubjectTypes  []string `json:"subject_types_supported"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
		Scopes        []string `json:"scopes_supported"`
		Claims        []string `json:"claims_supported"`
	}{
		issuer, issuer + KeysPath, tokenURL,
		[]string{"id_token"}, []string{"public"}, algorithms, []string{"openid"}, claimsOf(p),
	}, "", "  ")
}

// claimsOf are the names of all that a token can have.
func claimsOf(p *policy.Policy) []string {
	all := map[string]bool{}
	for _, name := range policy.Reserved() {
		all[name] = true
	}
	for _, rule := range p.Rules {
		for _, name := range rule.Claims.Names() {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (s *Server) discovery(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, func(p keyring.Publication) ([]byte, error) {
		return Discovery(s.Issuer, s.TokenURL, p.Algorithms, s.Policy)
	})
}

func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, func(p keyring.Publication) ([]byte, error) { return p.Keys, nil })
}

// show answers with a document that may be kept for a while. Without keys that
// may be shown it is an error and not an empty set, which verifiers would keep.
// Its date is from before the keys were looked at: a cache that counts from
// there keeps them for no longer, even if this process is paused meanwhile.
func (s *Server) show(w http.ResponseWriter, r *http.Request, of func(keyring.Publication) ([]byte, error)) {
	date := s.now().UTC().Format(http.TimeFormat)
	p, err := s.Keys.Publish()
	if err != nil {
		s.refused(w, r, refuse(unavailable, ""))
		return
	}
	document, err := of(p)
	if err != nil {
		s.refused(w, r, err)
		return
	}
	sum := sha256.Sum256(document)
	h := w.Header()
	h.Set("Date", date)
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(p.Keep.Seconds())))
	h.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, strings.TrimPrefix(r.URL.Path, "/"), time.Time{}, bytes.NewReader(document))
}
