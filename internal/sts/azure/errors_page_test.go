package azure_test

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/sts/azure/vaulttest"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	v := vaulttest.Start(t)
	store := alone(t, v)
	v.Forbid("secrets/list")
	_, _, refused := store.Load(t.Context())
	v.Permit()
	v.Disrupt(func(string) vaulttest.Disruption { return vaulttest.Disruption{Status: 429, RetryAfter: "60"} })
	_, _, away := store.Load(t.Context())
	v.Disrupt(nil)
	v.PutSecret(ring, "a")
	v.DeleteSecret(ring)
	_, odd := store.Swap(t.Context(), "", []byte("b"))
	diagtest.Samples(t, "sts/azure", refused, away, odd)
}
