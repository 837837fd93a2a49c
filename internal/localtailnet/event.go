package localtailnet

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// What events are about beside the operations that a fault can hit.
const (
	opNode    = "node"    // a node went, by itself or not
	opUnknown = "unknown" // a request that nothing here answers

	// OpContract is a request of tailjoin that Tailscale's published API does not have.
	OpContract = "contract"
)

// An Event is something that a server of the tailnet did or refused.
type Event struct {
	Time   time.Time `json:"time"`
	Op     string    `json:"op"`     // an operation that SetFault knows, or node, or unknown
	Status int       `json:"status"` // of the answer, 0 if there was none; 403 for a refused register, though control sends that as a 200
	Detail string    `json:"detail"` // who, what, and why not
}

func (s *state) log(op string, status int, format string, args ...any) {
	s.events = append(s.events, Event{
		Time: time.Now(), Op: op, Status: status, Detail: fmt.Sprintf(format, args...),
	})
}

// event notes something outside a change of the state.
func (t *Tailnet) event(op string, status int, format string, args ...any) {
	t.state.change(func() { t.state.log(op, status, format, args...) })
}

// Events returns what happened so far, oldest first.
func (t *Tailnet) Events() (events []Event) {
	t.state.read(func() { events = slices.Clone(t.state.events) })
	return events
}

// unknown answers 404, and tells: a test that meets it has found something that
// this tailnet lacks.
func (t *Tailnet) unknown(w http.ResponseWriter, r *http.Request) {
	t.event(opUnknown, http.StatusNotFound, "%s %s", r.Method, r.URL.Path)
	writeJSON(w, http.StatusNotFound, apiError{Message: "404 page not found"})
}
