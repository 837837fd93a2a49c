package server

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

// Metrics are for Prometheus. Every label is one of a few words of the code or
// the configuration: no caller can make another.
type metrics struct {
	outcomes map[string]*atomic.Int64 // by outcome
	tokens   map[string]*atomic.Int64 // issued, by rule
	trades   map[string]*atomic.Int64 // exchanges, by outcome
	odd      atomic.Int64             // grants that say nothing
	times    *histogram               // of requests for a token
	signing  *histogram               // of signatures, which a vault makes far away
	unsigned atomic.Int64             // signatures that could not be had

	unaudited atomic.Int64 // entries of the audit that went to the log
}

func newMetrics(p *policy.Policy) *metrics {
	m := &metrics{
		outcomes: map[string]*atomic.Int64{outcomeIssued: {}},
		tokens:   map[string]*atomic.Int64{},
		trades:   map[string]*atomic.Int64{outcomeIssued: {}},
		times:    newHistogram(),
		signing:  newHistogram(),
	}
	for c := range refusals {
		m.outcomes[string(c)] = &atomic.Int64{}
	}
	for c := range oauthRefusals {
		m.trades[string(c)] = &atomic.Int64{}
	}
	for _, rule := range p.Rules {
		m.tokens[rule.Audience.String()] = &atomic.Int64{}
	}
	return m
}

func (m *metrics) decided(e Entry, took time.Duration) {
	m.outcomes[e.Outcome].Add(1)
	if e.Outcome == outcomeIssued {
		m.tokens[e.Rule].Add(1)
	}
	m.times.add(took)
}

func (m *metrics) signed(took time.Duration, err error) {
	m.signing.add(took)
	if err != nil {
		m.unsigned.Add(1)
	}
}

func (m *metrics) exchanged(e Entry) {
	m.trades[e.Outcome].Add(1)
	if e.Outcome == outcomeIssued {
		m.tokens[e.Rule].Add(1)
	}
}

func (s *Server) showMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	var b strings.Builder
	s.metrics.write(&b)
	s.writeKeys(&b)
	io.WriteString(w, b.String())
}

// write is in Prometheus' text format, version 0.0.4.
func (m *metrics) write(b *strings.Builder) {
	head(b, "tailjoin_sts_requests_total", "counter", "Requests for a token, by outcome.")
	for _, name := range slices.Sorted(maps.Keys(m.outcomes)) {
		fmt.Fprintf(b, "tailjoin_sts_requests_total{outcome=\"%s\"} %d\n", name, m.outcomes[name].Load())
	}
	head(b, "tailjoin_sts_tokens_total", "counter", "Tokens given out, by the rule that matched the audience.")
	for _, name := range slices.Sorted(maps.Keys(m.tokens)) {
		fmt.Fprintf(b, "tailjoin_sts_tokens_total{rule=\"%s\"} %d\n", label(name), m.tokens[name].Load())
	}
	head(b, "tailjoin_sts_exchanges_total", "counter", "Requests to exchange an ID token, by outcome.")
	for _, name := range slices.Sorted(maps.Keys(m.trades)) {
		fmt.Fprintf(b, "tailjoin_sts_exchanges_total{outcome=\"%s\"} %d\n", name, m.trades[name].Load())
	}
	head(b, "tailjoin_sts_odd_grants_total", "counter", "Grants seen that cannot be understood, and give nothing.")
	fmt.Fprintf(b, "tailjoin_sts_odd_grants_total %d\n", m.odd.Load())
	m.times.write(b, "tailjoin_sts_request_seconds", "Time that a request for a token took.")
	m.signing.write(b, "tailjoin_sts_sign_seconds", "Time that a signature took, or that it took to fail.")
	head(b, "tailjoin_sts_sign_failures_total", "counter", "Signatures that could not be had.")
	fmt.Fprintf(b, "tailjoin_sts_sign_failures_total %d\n", m.unsigned.Load())
	head(b, "tailjoin_sts_audit_failures_total", "counter", "Entries of the audit that could not be written, and went to the log.")
	fmt.Fprintf(b, "tailjoin_sts_audit_failures_total %d\n", m.unaudited.Load())
}

// writeKeys is the ring: an alarm for a key that grows too old, or keys that
// could not be looked at, is made of it.
func (s *Server) writeKeys(b *strings.Builder) {
	ring := s.Keys.Ring()
	counts := map[string]int{}
	head(b, "tailjoin_sts_key_age_seconds", "gauge", "Time for which the key that signs has signed.")
	for _, k := range ring.Keys {
		counts[fmt.Sprintf("algorithm=\"%s\",state=\"%s\"", k.Algorithm, k.State())]++
		if k.State() == keyring.Active {
			fmt.Fprintf(b, "tailjoin_sts_key_age_seconds{algorithm=\"%s\"} %.0f\n", k.Algorithm, s.now().Sub(k.Activated).Seconds())
		}
	}
	head(b, "tailjoin_sts_keys", "gauge", "Keys that are published.")
	for _, labels := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(b, "tailjoin_sts_keys{%s} %d\n", labels, counts[labels])
	}
	fresh := 0
	if s.Keys.Fresh() == nil {
		fresh = 1
	}
	head(b, "tailjoin_sts_keys_fresh", "gauge", "Whether the keys were compared with their store lately; 0 signs nothing.")
	fmt.Fprintf(b, "tailjoin_sts_keys_fresh %d\n", fresh)
}

func head(b *strings.Builder, name, kind, help string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// label escapes a label's value.
func label(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value)
}
