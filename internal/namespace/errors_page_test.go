package namespace

import (
	"io/fs"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	diagtest.Samples(t, "namespace",
		explain("UpdateTenantIntegrations", &Error{403, "permission_denied", "workspace administrators only"}),
		noToken(&fs.PathError{Op: "open", Path: "/home/me/.config/ns/token.json", Err: fs.ErrNotExist}),
		explain("GetTenantIntegrations", &retry.Later{Err: &Error{Status: 503}}),
	)
}
