package localtailnet

import (
	"fmt"
	"slices"
	"time"
)

// An Event is something that a server of the tailnet did or refused.
type Event struct {
	Time   time.Time `json:"time"`
	Op     string    `json:"op"`     // the operation, as SetFault names it
	Status int       `json:"status"` // HTTP status of the answer; a refused register has 403 here, though control says it with a 200
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
