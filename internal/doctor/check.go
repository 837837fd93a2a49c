package doctor

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
)

func ok(name, finding string) Check { return Check{Name: name, Result: OK, Finding: finding} }

func note(name, finding string) Check { return Check{Name: name, Result: Note, Finding: finding} }

func skipped(name, why string) Check { return Check{Name: name, Result: Skipped, Finding: why} }

func warning(name, finding, hint string) Check {
	return Check{Name: name, Result: Warning, Finding: finding, Hint: hint}
}

// failed is an error that the reader can act on, if it is a problem; hint is for
// any other.
func failed(name string, err error, hint string) Check {
	c := Check{Name: name, Result: Failed, Finding: reason(err), Hint: hint}
	p, ok := errors.AsType[*diag.Problem](err)
	if !ok {
		return c
	}
	c.Finding, c.Hint, c.Code = p.Error(), p.Hint, p.Code
	for _, fact := range p.Facts {
		if c.Facts == nil {
			c.Facts = map[string]string{}
		}
		c.Facts[fact.Name] = fact.Value
	}
	return c
}

// reason is an error in the words that tell most in a line.
func reason(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return "no answer in time"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// retryable says whether another try may have success.
func retryable(err error) (*retry.Later, bool) { return errors.AsType[*retry.Later](err) }
