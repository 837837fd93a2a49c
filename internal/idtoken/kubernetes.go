package idtoken

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
)

const (
	// projected is where a pod's token for Tailscale is mounted by convention,
	// that of Tailscale's own operator.
	projected = "/var/run/secrets/tailscale/serviceaccount/token"

	// account is where the pod's own token is, for the cluster's API.
	account = "/var/run/secrets/kubernetes.io/serviceaccount"
)

func projectedFile(j job) string { return j.path(projected) }

func kubernetesMissing(j job) *diag.Problem {
	for _, path := range []string{projected, account + "/token"} {
		if _, err := os.Stat(j.path(path)); err == nil {
			return nil
		}
	}
	return noToken("this pod has no token", "mount one for Tailscale at "+projected+":\n"+projection(anyAudience), nil)
}

func projection(audience string) string {
	return "  volumes:\n    - name: tailscale\n      projected:\n        sources:\n          - serviceAccountToken:\n" +
		"              audience: " + audience + "\n              path: token"
}

// kubernetes asks the cluster's API for a token of the pod's own service
// account, which takes the right to create serviceaccounts/token.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1.
func kubernetes(ctx context.Context, j job) (string, error) {
	raw, err := os.ReadFile(j.path(account + "/token"))
	if err != nil {
		return "", fmt.Errorf("reading the pod's token: %w", err)
	}
	own, err := parse(string(raw))
	if err != nil {
		return "", fmt.Errorf("reading the pod's token: %w", err)
	}
	client, err := j.clusterClient()
	if err != nil {
		return "", err
	}
	// system:serviceaccount:NAMESPACE:NAME
	who := strings.Split(own.Claims.Subject, ":")
	if len(who) != 4 {
		return "", errors.New("reading the pod's token: its subject is no service account")
	}
	return ask{
		method: http.MethodPost,
		url: "https://" + net.JoinHostPort(j.Env("KUBERNETES_SERVICE_HOST"), j.Env("KUBERNETES_SERVICE_PORT")) +
			"/api/v1/namespaces/" + url.PathEscape(who[2]) + "/serviceaccounts/" + url.PathEscape(who[3]) + "/token",
		header: bearer(own.Reveal()),
		body: asJSON(map[string]any{
			"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
			"spec": map[string]any{"audiences": []string{j.audience}, "expirationSeconds": 600}, // the least that it gives
		}),
	}.tokenFrom(ctx, client, "status.token")
}

// clusterClient trusts the cluster's own authority, and nobody else.
func (j job) clusterClient() (*http.Client, error) {
	pem, err := os.ReadFile(j.path(account + "/ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("reading the cluster's authority: there is no certificate in ca.crt")
	}
	client := metadata()
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	transport.TLSHandshakeTimeout = 5 * time.Second
	return client, nil
}
