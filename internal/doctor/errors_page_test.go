package doctor

import (
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	diagtest.Samples(t, "doctor", clockWrong(-7*time.Minute-20*time.Second))
}
