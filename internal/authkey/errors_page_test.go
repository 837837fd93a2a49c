package authkey

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	diagtest.Samples(t, "authkey",
		CheckRevoke(Filter{}),
		unknown("kABCDEFGHJKLCNTRL", &tsapi.Error{Status: 404, Message: "key not found"}),
		noAuthKey("T123-CNTRL", "federated"),
		notRevoked([]diag.Fact{{Name: "kABCDEFGHJKLCNTRL", Value: "500 Internal Server Error"}}, 3, nil),
	)
}
