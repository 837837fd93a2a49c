package diag_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
)

func TestText_showsCauseFactsHintAndPage(t *testing.T) {
	p := &diag.Problem{
		Code:    "wif-refused",
		Summary: "Tailscale refused this job's identity",
		Facts:   []diag.Fact{{Name: "issuer", Value: "https://issuer.example"}, {Name: "sub", Value: "repo:a/b"}, {Name: "scopes"}},
		Hint:    "first line\nsecond line",
		Err:     errors.Join(errors.New("exchanging ID token: 403"), errors.New("writing session: disk full")),
	}
	want := `error: Tailscale refused this job's identity
cause: exchanging ID token: 403
       writing session: disk full
  issuer  https://issuer.example
  sub     repo:a/b
  scopes  (none)
hint:  first line
       second line
docs:  https://github.com/tailjoin/tailjoin/blob/v1/docs/errors.md#wif-refused
`
	if d := cmp.Diff(want, p.Text()); d != "" {
		t.Error(d)
	}
}

func TestAs_findsTheOutermostProblem(t *testing.T) {
	inner := &diag.Problem{Code: "inner", Summary: "inner"}
	outer := &diag.Problem{Code: "outer", Summary: "outer", Err: inner}
	if got := diag.As(fmt.Errorf("joining: %w", outer)).Code; got != "outer" {
		t.Errorf("code = %q, want outer", got)
	}
}

func TestAs_asksForAReportOfWhatNobodyExplained(t *testing.T) {
	cause := errors.New("boom")
	got := diag.As(cause)
	if got.Code != "unexpected" || !errors.Is(got, cause) {
		t.Errorf("As(%v) = %+v", cause, got)
	}
}

func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	diagtest.Samples(t, "diag", diag.As(errors.New("watching the daemon: unexpected EOF")))
}
