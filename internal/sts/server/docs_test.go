package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
)

// order is that of the checks.
var order = []code{
	browser, nodeIdentity, rateLimited, missingAudience, audienceConflict, audienceTooLong,
	audienceNotAllowed, audienceNotPermitted, unavailable, internal,
}

func TestDocs_haveEveryRefusal(t *testing.T) {
	if got, want := len(order), len(slices.Collect(maps.Keys(refusals))); got != want {
		t.Errorf("%d refusals are in order, and there are %d", got, want)
	}
	var b strings.Builder
	b.WriteString("| status | code | |\n| --- | --- | --- |\n")
	for _, c := range order {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", refusals[c].status, c, refusals[c].message)
	}
	diagtest.Generated(t, "docs/token-service.md", "<!-- refusals: go test ./internal/sts/server -update -->", "<!-- /refusals -->", b.String())
}

// exchangeOrder is that of the checks of an exchange.
var exchangeOrder = []code{
	browser, rateLimited, badRequest, unsupportedGrant, scopeRefused, badTarget, tokenInvalid, issuerNotTrusted, issuerAway,
	notTrusted, audienceNotPermitted, noSubject, audienceNotAllowed, unavailable, internal,
}

func TestDocs_haveEveryRefusalOfAnExchange(t *testing.T) {
	if got, want := len(exchangeOrder), len(oauthRefusals); got != want {
		t.Errorf("%d refusals are in order, and there are %d", got, want)
	}
	var b strings.Builder
	b.WriteString("| outcome | status | error | |\n| --- | --- | --- | --- |\n")
	for _, c := range exchangeOrder {
		how := oauthRefusals[c]
		fmt.Fprintf(&b, "| `%s` | %d | `%s` | %s |\n", c, how.status, how.err, how.message)
	}
	diagtest.Generated(t, "docs/token-service.md", "<!-- exchange refusals: go test ./internal/sts/server -update -->", "<!-- /exchange refusals -->", b.String())
}
