package oidc_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/oidc"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	const iss = "https://example.com/oidc"
	i := newIssuer(t)
	i.get["/oidc/.well-known/openid-configuration"] = answers(t, map[string]string{"issuer": iss, "jwks_uri": iss + "/keys"})
	i.get["/oidc/keys"] = i.get["/keys"]
	at := time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC)
	token := func(issuer string) secret.Text {
		return secret.New(i.sign(t, i.keys[jose.RS256], map[string]any{"iss": issuer, "iat": at.Unix(), "exp": at.Add(5 * time.Minute).Unix()}, nil))
	}
	diagtest.Samples(t, "oidc",
		oidc.Verify(t.Context(), i.atExampleCom(t), token(iss), at.Add(time.Hour)),
		oidc.Verify(t.Context(), http.DefaultClient, token("http://gitlab.example.com"), at),
	)
}

// atExampleCom is a client for which the issuer is at https://example.com.
func (i *issuer) atExampleCom(t *testing.T) *http.Client {
	t.Helper()
	server := httptest.NewTLSServer(i.Config.Handler) // its certificate is for example.com
	t.Cleanup(server.Close)
	client := server.Client()
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}
	return client
}
