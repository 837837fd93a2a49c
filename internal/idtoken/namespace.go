package idtoken

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

const (
	namespaceIAM  = "https://private-api.global.namespaceapis.com"
	namespaceFile = "/var/run/nsc/token.json"

	// A token is used in the second that it is made.
	namespaceSeconds = 600
)

func namespacePath(j job) string { return cmp.Or(j.Env("NSC_TOKEN_FILE"), j.path(namespaceFile)) }

func namespaceMissing(j job) *diag.Problem {
	if _, err := os.Stat(namespacePath(j)); err != nil {
		return noToken("this workload has no token of Namespace",
			"Namespace writes it to "+namespaceFile+"; in a container, mount that, or name it in NSC_TOKEN_FILE.\n"+
				"On GitHub's own runners the source is github", err)
	}
	return nil
}

// namespace asks the IAM service with the workload's own token, as
// `nsc auth issue-id-token` does. It needs no nsc.
// Source: namespacelabs/foundation, internal/fnapi/tenants.go.
func namespace(ctx context.Context, j job) (string, error) {
	tenant, err := namespaceTenant(ctx, j)
	if err != nil {
		return "", err
	}
	return j.namespaceCall(ctx, "nsl.tenants.TenantsService/IssueIdToken", tenant,
		map[string]any{"audience": j.audience, "version": 1, "duration_secs": namespaceSeconds}, "id_token")
}

// namespaceTenant is the token that speaks for the workspace. Some workloads
// have that of a session, which is traded for one.
func namespaceTenant(ctx context.Context, j job) (string, error) {
	raw, err := os.ReadFile(namespacePath(j))
	if err != nil {
		return "", fmt.Errorf("reading the workload's token: %w", err)
	}
	var file struct {
		Bearer  string `json:"bearer_token"`
		Tenant  string `json:"tenant_token"` // of older machines
		Session string `json:"session_token"`
	}
	if json.Unmarshal(raw, &file) != nil {
		return "", errors.New("reading the workload's token: the file is no JSON object")
	}
	if file.Session == "" {
		return cmp.Or(file.Bearer, file.Tenant), nil
	}
	return j.namespaceCall(ctx, "nsl.signin.SigninService/IssueTenantTokenFromSession", file.Session,
		map[string]any{"token_duration_secs": namespaceSeconds}, "tenant_token")
}

func (j job) namespaceCall(ctx context.Context, method, token string, request map[string]any, key string) (string, error) {
	endpoint := cmp.Or(j.Env("NSC_IAM_ENDPOINT"), j.Env("NSC_GLOBAL_ENDPOINT"), namespaceIAM)
	header := bearer(token)
	header.Set("Content-Type", "application/json")
	return ask{
		method: http.MethodPost, url: strings.TrimSuffix(endpoint, "/") + "/" + method,
		header: header, body: asJSON(request),
	}.tokenFrom(ctx, j.remote(), key)
}
