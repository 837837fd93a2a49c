package diagnosis

import (
	"net/http"
	"strings"

	"github.com/tailjoin/tailjoin/internal/lazy"
)

// federatedID is the form of the client ID of a federated identity; the number of
// its tailnet comes first.
const federatedID lazy.Pattern = `^T[0-9A-Za-z]*-[0-9A-Za-z]*CNTRL$`

// clientForms are client IDs that cannot be right, and what to give instead. The
// first that matches counts.
var clientForms = []struct {
	form         lazy.Pattern
	reason, give string
}{
	{`^k[0-9A-Za-z]+$`, "is the ID of an OAuth client, which lets nobody in by an ID token",
		"give the client ID of a federated identity (OpenID Connect), which has the form T…-k…;\nor, for the OAuth client, its secret as oauth-secret"},
	{`\$\{\{|\}\}|^\$|%[A-Z_]+%|\$\(`, "is an expression that was not evaluated",
		"write the expression where the CI evaluates it, or the client ID itself, such as T123CNTRL-k456CNTRL"},
	{`["'<>]`, "has quotes or brackets in it", "give the client ID without them"},
	{`^api\.tailscale\.com/`, "is an audience, not a client ID", "give what stands behind the /"},
	{`/|@|:`, "is an address or a name, not a client ID", "give the client ID of the trust credential, such as T123CNTRL-k456CNTRL"},
	{`^T[0-9A-Za-z]+CNTRL$`, "is the ID of a tailnet, or only half of a client ID", "give the whole client ID, which has the form T…-k…"},
	{`CLIENT-?ID|(?i)^(your|my|the)[-_ ]|^x+$|example`, "is a placeholder", "give the client ID of the trust credential, such as T123CNTRL-k456CNTRL"},
	{`^[^A-Z]+$`, "has no capital letters, which Tailscale's client IDs have", "copy the client ID from the trust credential: upper and lower case count"},
	{`^T[0-9A-Za-z]*-[0-9A-Za-z]*$`, "does not end with CNTRL, as Tailscale's client IDs do", "copy the whole client ID from the trust credential"},
	{`^`, "does not have the form of Tailscale's client IDs, T…-k…", "copy the client ID from the trust credential"},
}

// client compares the client ID with the form of Tailscale's. That it is unknown
// is what a 401 says.
func (e *Evidence) client() Cause {
	c := Cause{Field: "client ID", weight: 25, Reason: "no federated identity may have the client ID " + e.ClientID}
	c.Fix = e.ClientID + " must be a federated identity of this tailnet that was not deleted"
	if e.Status == http.StatusUnauthorized {
		c.Reason = "Tailscale knows no federated identity with the client ID " + e.ClientID
		c.Fix = "copy the client ID from the trust credential, upper and lower case too. A credential that was deleted does not come back,\n" +
			"and that of another tailnet or control server is unknown here"
		c.weight = certain - 2
	}
	if federatedID.Matches(e.ClientID) {
		return c
	}
	for _, f := range clientForms {
		if f.form.Matches(e.ClientID) {
			c.Reason, c.Fix, c.weight = "the client ID "+e.ClientID+" "+f.reason, f.give, certain+1
			break
		}
	}
	if where := e.Env("TAILJOIN_SPEC"); where != "" && e.Env("TAILJOIN_OAUTH_CLIENT_ID") == "" {
		c.Fix += ".\nIt is from the spec " + strings.TrimSpace(where)
	}
	return c
}
