package ci

import (
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// A summary may name a file of a pull request.
func TestProblemMarkdown_showsTheSummaryAsText(t *testing.T) {
	got := problemMarkdown(&diag.Problem{Summary: "a/[click](https://x.y) <img src=x> @acme.hujson is no policy file"})
	heading, _, _ := strings.Cut(got, "\n")
	if want := `### tailjoin: a/\[click\](https&#58;//x.y) &lt;img src=x\> &#64;acme.hujson is no policy file`; heading != want {
		t.Errorf("got  %s\nwant %s", heading, want)
	}
}
