package access

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	r := Request{ClientID: "T123-CNTRL", API: &tsapi.Client{}}
	expired := claims("repo:acme/web:ref:refs/heads/main")
	expired.Expires = time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC)
	headscale := Request{API: &tsapi.Client{BaseURL: "https://headscale.example.com"}}
	diagtest.Samples(t, "access",
		r.identityRefused(unauthorized, claims("repo:acme/web:pull_request"), time.Time{}),
		r.identityRefused(unauthorized, claims("repo:acme@1001/web@2002:ref:refs/heads/main"), time.Time{}),
		r.identityRefused(unauthorized, expired, expired.Expires.Add(10*time.Minute)),
		headscale.identityRefused(&tsapi.Error{Status: 404}, idtoken.Claims{}, time.Time{}),
		r.secretRefused(&tsapi.Error{Status: 401, Message: "API token invalid"}),
		Request{ClientID: "k123CNTRL", Scopes: []string{"auth_keys"}}.secretRefused(&tsapi.Error{Status: 403, Message: `OAuth client cannot grant scopes "auth_keys"`}),
		Request{APIKey: secret.New("tskey-api-1")}.KeyRefused(&tsapi.Error{Status: 401, Message: "API token invalid"}, tsapi.AccessToken{}, nil),
		Unanswered(r.API, fmt.Errorf("exchanging ID token: %w", &retry.Later{Err: &tsapi.Error{Status: 503}})),
		Unanswered(r.API, fmt.Errorf("exchanging ID token: %w", untrusted)),
		Unanswered(r.API, fmt.Errorf("exchanging ID token: %w", &retry.Later{Err: &tsapi.Error{Status: 403, Page: true}})),
	)
}

var (
	unauthorized = &tsapi.Error{Status: 403, Message: "Unauthorized"}
	untrusted    = &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
)

func claims(subject string) idtoken.Claims {
	return idtoken.Claims{
		Issuer: "https://token.actions.githubusercontent.com", Subject: subject,
		Audience: []string{"api.tailscale.com/T123-CNTRL"},
	}
}
