package tsapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// An Error is an answer of the API that is not 2xx. It keeps the status
// whatever the body: a proxy's HTML page says less than its 502.
type Error struct {
	Status  int
	Message string // the API's own words, or the first bytes of another body

	Findings []Finding // of a policy file that it refuses
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	if e.Message == "" || e.Message == http.StatusText(e.Status) {
		return text
	}
	return text + ": " + e.Message
}

const (
	longestBody  = 64 << 10
	longestError = 1 << 20 // a policy may have many tests
	longestQuote = 200
)

func readError(res *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, longestError))
	// Two shapes: the API's own, and OAuth's (RFC 6749, section 5.2).
	var answer struct {
		Message     string          `json:"message"`
		Error       string          `json:"error"`
		Description string          `json:"error_description"`
		Data        json.RawMessage `json:"data"` // has other shapes elsewhere
	}
	if json.Unmarshal(body, &answer) != nil {
		return &Error{Status: res.StatusCode, Message: quote(body)}
	}
	refusal := &Error{Status: res.StatusCode, Message: cmp.Or(answer.Message, answer.Description, answer.Error)}
	if json.Unmarshal(answer.Data, &refusal.Findings) != nil {
		refusal.Findings = nil
	}
	return refusal
}

// quote is the first bytes of a body nobody expected, on one line.
func quote(body []byte) string {
	text := strings.Join(strings.Fields(string(body)), " ")
	if len(text) > longestQuote {
		text = text[:longestQuote] + "…"
	}
	return text
}
