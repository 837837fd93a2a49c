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
	longestQuote = 200
)

func readError(res *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, longestBody))
	// Two shapes: the API's own, and OAuth's (RFC 6749, section 5.2).
	var answer struct {
		Message     string `json:"message"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &answer) == nil {
		return &Error{res.StatusCode, cmp.Or(answer.Message, answer.Description, answer.Error)}
	}
	return &Error{res.StatusCode, quote(body)}
}

// quote is the first bytes of a body nobody expected, on one line.
func quote(body []byte) string {
	text := strings.Join(strings.Fields(string(body)), " ")
	if len(text) > longestQuote {
		text = text[:longestQuote] + "…"
	}
	return text
}
