package aws

import (
	"errors"
	"net/http"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	r := Role{ARN: "arn:aws:iam::123456789012:role/deploy", Session: "tailjoin", Endpoint: "https://sts.eu-central-1.amazonaws.com"}
	refused := &http.Response{Status: "400 Bad Request", StatusCode: http.StatusBadRequest}
	diagtest.Samples(t, "aws",
		r.refused(refused, "<Code>InvalidIdentityToken</Code><Message>No OpenIDConnect provider found in your account for https://sts.example.ts.net</Message>"),
		r.unanswered(errors.New("dial tcp: lookup sts.eu-central-1.amazonaws.com: no such host")),
	)
}
