//go:build unix

package clients

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"golang.org/x/oauth2/google/externalaccount"
)

const provider = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/tailnet/providers/sts"

// googleSTS stands in for Google's token service.
func googleSTS(t *testing.T, issuer string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" || r.FormValue("audience") != provider || r.FormValue("subject_token_type") != "urn:ietf:params:oauth:token-type:jwt" {
			t.Errorf("asked for %v of type %v", r.Form["audience"], r.Form["subject_token_type"])
		}
		if err := verified(r.Context(), issuer, provider, r.FormValue("subject_token")); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": err.Error()})
			return
		}
		json.NewEncoder(w).Encode(map[string]any{
			"access_token": "ya29.token", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3600,
		})
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1/token"
}

// wantGoogleToken has Google's library read an external account's file.
func wantGoogleToken(t *testing.T, account string) {
	t.Helper()
	var file struct {
		Type             string                            `json:"type"`
		Audience         string                            `json:"audience"`
		SubjectTokenType string                            `json:"subject_token_type"`
		TokenURL         string                            `json:"token_url"`
		CredentialSource *externalaccount.CredentialSource `json:"credential_source"`
	}
	if err := json.Unmarshal([]byte(account), &file); err != nil || file.Type != "external_account" {
		t.Fatalf("%v in %s", err, account)
	}
	source, err := externalaccount.NewTokenSource(t.Context(), externalaccount.Config{
		Audience: file.Audience, SubjectTokenType: file.SubjectTokenType, TokenURL: file.TokenURL, CredentialSource: file.CredentialSource,
		Scopes: []string{"https://www.googleapis.com/auth/cloud-platform"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if token, err := source.Token(); err != nil || token.AccessToken != "ya29.token" {
		t.Errorf("%v, %v", token, err)
	}
}

func TestGoogle_runsTheExecutableOfAnExternalAccount(t *testing.T) {
	issuer := serve(t, "//iam.googleapis.com/projects/*/locations/global/workloadIdentityPools/*/providers/*")
	t.Setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
	wantGoogleToken(t, sample(t, "google-executable", "/usr/local/bin/tailjoin", filepath.Join(program(t), "tailjoin"),
		"https://sts.TAILNET.ts.net", issuer, "https://sts.googleapis.com/v1/token", googleSTS(t, issuer)))
}

func TestGoogle_readsTheFileOfAnExternalAccount(t *testing.T) {
	issuer := serve(t, "//iam.googleapis.com/projects/*/locations/global/workloadIdentityPools/*/providers/*")
	file := keepFresh(t, "--sts-url", issuer, "--audience", provider)
	wantGoogleToken(t, sample(t, "google-file", "/run/tailjoin/google", file, "https://sts.googleapis.com/v1/token", googleSTS(t, issuer)))
}
