package localtailnet

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/contract"
)

// apiRoot is what the paths of the API begin with.
const apiRoot = "/api/v2"

// asked refuses the requests of tailjoin's own client that the API, as Tailscale
// publishes it, does not have. Every test that sends one fails: no program
// expects this status.
func (t *Tailnet) asked(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.UserAgent(), "tailjoin") {
			h.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			writeJSON(w, http.StatusRequestEntityTooLarge, apiError{Message: "reading the request: " + err.Error()})
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		name, findings := requestFindings(r, body)
		t.state.change(func() { t.state.asked = append(t.state.asked, name) })
		if len(findings) == 0 {
			h.ServeHTTP(w, r)
			return
		}
		message := fmt.Sprintf("%s: Tailscale's published API has no such request: %s", name, strings.Join(findings, "; "))
		t.event(OpContract, http.StatusTeapot, "%s", message)
		writeJSON(w, http.StatusTeapot, apiError{Message: message})
	})
}

func requestFindings(r *http.Request, body []byte) (name string, findings []string) {
	call, found := contract.Published().Find(r.Method, strings.TrimPrefix(r.URL.Path, apiRoot))
	if !found {
		name = r.Method + " " + strings.TrimPrefix(r.URL.Path, apiRoot)
		return name, unexplained(name, []string{notPublished})
	}
	return call.Name, unexplained(call.Name, call.CheckRequest(r.URL.Query(), r.Header, body))
}

// answered notes what the API, as Tailscale publishes it, does not have of an
// answer of h.
func (t *Tailnet) answered(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		copied := &copyWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(copied, r)
		call, found := contract.Published().Find(r.Method, strings.TrimPrefix(r.URL.Path, apiRoot))
		if !found {
			return // deviations lists the operation
		}
		findings := call.CheckResponse(copied.status, w.Header(), copied.body.Bytes())
		t.state.change(func() {
			for _, finding := range findings {
				t.state.deviations = append(t.state.deviations, deviation{operation: call.Name, finding: finding})
			}
		})
	})
}

// A copyWriter keeps what it passes on.
type copyWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *copyWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *copyWriter) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// Operations returns the operations of the API that tailjoin asked for, each
// once.
func (t *Tailnet) Operations() (all []string) {
	t.state.read(func() { all = slices.Clone(t.state.asked) })
	slices.Sort(all)
	return slices.Compact(all)
}
