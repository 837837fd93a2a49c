package specs

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	passed := Passed(secret.New(`{"TAILJOIN_SPEC_CORP": "{}", "TAILJOIN_SPEC_EU": "{}"}`))
	_, err := Find(t.Context(), "crop", passed, File(DefaultFile).Place())
	diagtest.Samples(t, "specs", err)
}
