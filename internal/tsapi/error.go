package tsapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/retry"
)

// An Error is an answer of the API that is not 2xx. It keeps the status
// whatever the body: a proxy's HTML page says less than its 502.
type Error struct {
	Status  int
	Message string    // the API's own words, or the first bytes of another body
	Page    bool      // a proxy or a portal answered with a web page
	Foreign bool      // the answer is not of the form that the API's have
	Date    time.Time // the server's clock; zero if it did not say

	Findings []Finding // of a policy file that it refuses
}

func (e *Error) Error() string {
	if e.Page {
		return fmt.Sprintf("%d %s: a web page, not an answer of the API", e.Status, http.StatusText(e.Status))
	}
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
		return &Error{Status: res.StatusCode, Message: quote(body), Page: isPage(res, body), Foreign: true, Date: dateOf(res)}
	}
	refusal := &Error{Status: res.StatusCode, Message: cmp.Or(answer.Message, answer.Description, answer.Error), Date: dateOf(res)}
	if json.Unmarshal(answer.Data, &refusal.Findings) != nil {
		refusal.Findings = nil
	}
	return refusal
}

// dateOf is the server's clock; zero if it did not say.
func dateOf(res *http.Response) time.Time {
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// answered is an error of the official client without the address that net/http
// puts before it, as it is without that client.
func answered(err error) error {
	wrapped, ok := errors.AsType[*url.Error](err)
	_, later := errors.AsType[*retry.Later](err) // its reason is told with the address
	if _, isAnswer := errors.AsType[*Error](err); ok && isAnswer && !later {
		return wrapped.Err
	}
	return retry.Answer(err)
}

// isPage reports whether a proxy, a firewall or a captive portal answered. The
// API sends no pages and no redirects. An error of the API may have any body.
func isPage(res *http.Response, body []byte) bool {
	switch res.StatusCode / 100 {
	case 2:
		return isHTML(res)
	case 3:
		return true
	}
	return res.StatusCode == http.StatusForbidden && (isHTML(res) || startsAsPage(body))
}

func startsAsPage(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) }

func isHTML(res *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return kind == "text/html"
}

// mark marks an unsuccessful answer as a *retry.Later if it may pass. A page is
// tried again for a short time, since a firewall may let the next request pass.
func mark(e *Error, header http.Header) error {
	if e.Page {
		return &retry.Later{Err: e, Limit: retry.Doubt}
	}
	return retry.Status(e, e.Status, header)
}

// quote is the first bytes of a body nobody expected, on one line.
func quote(body []byte) string {
	text := strings.Join(strings.Fields(string(body)), " ")
	if len(text) > longestQuote {
		text = text[:longestQuote] + "…"
	}
	return text
}
