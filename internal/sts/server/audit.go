package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
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
	Remote  string    `json:"remote,omitempty"` // address of the connection

	Count int       `json:"count,omitempty"` // of a sum: how many requests had this outcome
	Since time.Time `json:"since,omitzero"`  // and from when on

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

// noted writes a decision down, or counts it. A token that could not be found in
// the audit or the log later is not given out.
func (s *Server) noted(ctx context.Context, e *Entry, err error) error {
	e.settle(err)
	if s.sums.take(*e) {
		return err
	}
	if lost := s.audit.write(ctx, *e); lost != nil {
		s.Log.ErrorContext(ctx, "neither the audit nor the log can be written, so no token is given out", "because", lost)
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

// An audit writes entries, a line each. What its writer does not take, such as
// a file on a full disk, goes to the log.
type audit struct {
	mu   sync.Mutex
	out  io.Writer
	torn bool // the last line was written in part
	log  *slog.Logger
	lost *atomic.Int64 // entries that went to the log
}

func (a *audit) write(ctx context.Context, e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := a.add(line); err != nil {
		a.lost.Add(1)
		return a.toLog(ctx, line, err)
	}
	return nil
}

// add writes a line at once, so that lines of several processes do not mix.
func (a *audit) add(line []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	whole := append(slices.Clip(line), '\n')
	if a.torn {
		whole = append([]byte{'\n'}, whole...)
	}
	n, err := a.out.Write(whole)
	a.torn = err != nil && (n > 0 || a.torn)
	return err
}

// toLog asks the log's handler itself, since a logger does not say that it
// could not write.
func (a *audit) toLog(ctx context.Context, line []byte, because error) error {
	r := slog.NewRecord(time.Now(), slog.LevelError, "the audit cannot be written, so an entry of it is here", 0)
	r.AddAttrs(slog.String("because", because.Error()), slog.String("entry", string(line)))
	return a.log.Handler().Handle(ctx, r)
}
