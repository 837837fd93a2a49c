package trust

import (
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	web := tsapi.Credential{
		ID: "T123CNTRL-k456CNTRL", Kind: tsapi.Federated, Description: "web main", Scopes: []string{"auth_keys"}, Tags: []string{"tag:ci"},
		Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:acme/web:ref:refs/heads/main",
	}
	client := tsapi.Credential{ID: "k789CNTRL", Kind: tsapi.OAuthClient, Description: "tazlab-bootstrap"}
	tailnet := Tailnet{Token: tsapi.AccessToken{Scopes: []string{"auth_keys"}}}
	const creating = "creating trust credential web main"

	wanted := web
	wanted.Subject = "repo:acme@1001/web@2002:ref:refs/heads/main"
	gone := client
	gone.Revoked = time.Date(2026, 8, 1, 12, 30, 0, 0, time.UTC)
	noon := gone.Revoked
	findings, err := Check(web, map[string]any{
		"iss": web.Issuer, "sub": "repo:acme/web:ref:refs/heads/release", "aud": Audience(web), "exp": float64(noon.Unix() + 300),
	}, noon)
	if err != nil {
		t.Fatal(err)
	}
	diagtest.Samples(t, "trust",
		Verdict(web, findings),
		Plan{Have: &web, Want: wanted, Changes: Changes(web, wanted)}.Differs(),
		unknown("wep", []tsapi.Credential{client, web}),
		ambiguous("web main", []tsapi.Credential{web, {ID: "T123CNTRL-k457CNTRL", Subject: "repo:acme/web:*"}}),
		deleted(gone),
		tailnet.explain(creating, web, &tsapi.Error{Status: 400, Message: "issuer must be a valid and publicly reachable https:// URL"}),
		tailnet.explain(creating, web, &tsapi.Error{Status: 403, Message: "calling actor does not have enough permissions to perform this function"}),
		tailnet.explain(creating, web, &tsapi.Error{Status: 400, Message: "requested tags [tag:ci] are invalid or not permitted"}),
	)
}
