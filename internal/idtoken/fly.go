package idtoken

import (
	"context"
	"net/http"
	"os"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

func flySocket(j job) string { return j.path("/.fly/api") }

// fly asks the machine's own API. The answer is the token.
// Source: https://fly.io/docs/security/openid-connect.
func fly(ctx context.Context, j job) (string, error) {
	body, err := ask{
		method: http.MethodPost, url: "http://localhost/v1/tokens/oidc",
		body: asJSON(map[string]string{"aud": j.audience}),
	}.send(ctx, overSocket(flySocket(j)))
	return strings.TrimSpace(string(body)), err
}

func flyMissing(j job) *diag.Problem {
	if _, err := os.Stat(flySocket(j)); err != nil {
		return noToken("this is no Fly.io Machine, or its API is hidden", "in a container inside the Machine, mount /.fly", err)
	}
	return nil
}
