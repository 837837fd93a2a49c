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
	document, err := Discovery(s.Issuer, s.TokenURL, s.Keys.Ring().Algorithms(), s.Policy)
	if err != nil || s.Keys.Published() == nil {
		s.refused(w, r, refuse(unavailable, ""))
		return
	}
	s.show(w, r, document)
}

// keys shows the published keys. There being none yet is an error and not an
// empty set, which verifiers would keep.
func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	published := s.Keys.Published()
	if published == nil {
		s.refused(w, r, refuse(unavailable, ""))
		return
	}
	s.show(w, r, published)
}

// show answers with a document that may be kept for a while.
func (s *Server) show(w http.ResponseWriter, r *http.Request, document []byte) {
	sum := sha256.Sum256(document)
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", s.cacheSeconds()))
	h.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, strings.TrimPrefix(r.URL.Path, "/"), time.Time{}, bytes.NewReader(document))
}

// cacheSeconds is for how long a document may be kept. One that could not be
// compared with the store may be of the past: other replicas know better.
func (s *Server) cacheSeconds() int {
	if s.Keys.Fresh() != nil {
		return 0
	}
	return int(s.CacheFor.Seconds())
}
