package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

// An Entry is one decision, as the audit has it. The token is not in it; the
// jti names it.
type Entry struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`   // token or exchange
	Outcome string    `json:"outcome"` // issued, or the code of the refusal
	Because string    `json:"because,omitempty"`
	Remote  string    `json:"remote"` // address of the connection

	Node    string   `json:"node,omitempty"` // stable ID
	Name    string   `json:"name,omitempty"`
	Tags    []string `json:"tags,omitempty"`
	User    string   `json:"user,omitempty"`
	Foreign bool     `json:"foreign,omitempty"` // a node of another tailnet

	Presented *Presented `json:"presented,omitempty"` // of an exchange: the ID token

	Audience string `json:"audience,omitempty"`
	Rule     string `json:"rule,omitempty"`  // the configuration's, that matched
	Grant    string `json:"grant,omitempty"` // the policy file's, that permitted it; or the trust rule of an exchange

	Subject   string    `json:"sub,omitempty"`
	JTI       string    `json:"jti,omitempty"`
	Key       string    `json:"kid,omitempty"`
	Algorithm string    `json:"alg,omitempty"`
	Expires   time.Time `json:"expires,omitzero"`
}

// The events.
const (
	eventToken    = "token"
	eventExchange = "exchange"
)

// outcomeIssued is the outcome of a request that got a token.
const outcomeIssued = "issued"

func (e *Entry) of(c *policy.Caller) {
	e.Node, e.Name, e.Tags, e.User, e.Foreign = c.NodeID, c.Name, c.Tags, c.User, c.Foreign
}

func (e *Entry) decided(d policy.Decision) {
	e.Rule, e.Grant, e.Subject, e.Algorithm = d.Rule, d.Grant, d.Subject, d.Algorithm
}

// noted writes a decision down. A token that nobody could find in the audit
// later is not given out.
func (s *Server) noted(ctx context.Context, e *Entry, err error) error {
	e.settle(err)
	if lost := s.audit.write(*e); lost != nil {
		s.Log.ErrorContext(ctx, "the audit cannot be written, so no token is given out", "because", lost)
		e.Outcome = string(internal)
		return refuse(internal, "")
	}
	return err
}

// settle notes how it went. What was not given out has no ID.
func (e *Entry) settle(err error) {
	if err == nil {
		e.Outcome = outcomeIssued
		return
	}
	e.Outcome, e.JTI = err.Error(), ""
	if r, ok := errors.AsType[*refusal](err); ok {
		e.Because = r.inner
	}
}

// An audit writes entries, a line each.
type audit struct {
	mu  sync.Mutex
	out io.Writer
}

func (a *audit) write(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_, err = a.out.Write(append(line, '\n')) // one write, so that lines of several processes do not mix
	return err
}
