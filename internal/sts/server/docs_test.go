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
