// Package doctor finds out why a join will not work, or would not. It asks and
// looks, each thing by itself and all at the same time, and changes nothing.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// A Request says what a join would be given.
type Request struct {
	Access  access.Request // who asks the API, and where it is; whose IDToken is Identity's
	Control string         // address of the control server
	Tags    []string       // that a job wants to give; may be none
	Scopes  []string       // that the credential must have
	Network tailscaled.Wish
	Self    string // this program, for sudo to run

	Source   string                                       // where ID tokens come from; "" if from nowhere
	Audience string                                       // that one is asked for
	IDToken  func(context.Context) (idtoken.Token, error) // nil if none is needed
	AuthKey  bool                                         // a join would be by an auth key: it asks no API
	Optional bool                                         // nothing says that this is a job: there may be no source
	Spec     string                                       // the named spec that a join would use; "" is none
	Allow    func(idtoken.Claims) error                   // why the spec is not for a job with these claims

	SearchPath []string                 // for programs of the machine
	Env        func(name string) string // for the variables of proxies
	Now        func() time.Time
	Limit      time.Duration // for all checks together
}

// A Result says what a finding means.
type Result string

// From fine to not. A note and a warning do not make a report a bad one.
const (
	OK      Result = "ok"
	Note    Result = "note"    // as it is: it may matter to somebody
	Warning Result = "warning" // it may go wrong, or be less than was wanted
	Failed  Result = "failed"
	Skipped Result = "skipped" // it cannot be known, or does not matter here
)

// A Check is one thing that was looked at.
type Check struct {
	Name    string            `json:"check"`
	Result  Result            `json:"result"`
	Finding string            `json:"finding"`
	Facts   map[string]string `json:"facts,omitempty"` // to compare
	Hint    string            `json:"hint,omitempty"`
	Code    string            `json:"code,omitempty"` // a heading in docs/errors.md
}

// A Report is all checks, in the order in which they make sense to a reader.
type Report struct {
	OK     bool    `json:"ok"` // nothing failed
	Checks []Check `json:"checks"`
}

// patience bounds each thing that is asked of a server, or of the machine.
const patience = 5 * time.Second

// A probe makes the checks with these names.
type probe struct {
	names []string
	look  func(*Request, context.Context) []Check
}

// probes run at the same time, none needs another.
var probes = []probe{
	{[]string{"clock", "api"}, (*Request).api},
	{[]string{"control"}, one((*Request).control)},
	{[]string{"derp"}, one((*Request).derp)},
	{[]string{"dns"}, one((*Request).dns)},
	{[]string{"proxy"}, one((*Request).proxy)},
	{[]string{"id-token", "exchange"}, (*Request).identity},
	{[]string{"tailscaled"}, one((*Request).tailscaled)},
	{[]string{"tun", "sudo", "network"}, (*Request).rights},
}

func one(look func(*Request, context.Context) Check) func(*Request, context.Context) []Check {
	return func(r *Request, ctx context.Context) []Check { return []Check{look(r, ctx)} }
}

// Run makes every check, within the limit whatever a check does.
func Run(ctx context.Context, r Request) Report {
	ctx, cancel := context.WithTimeout(ctx, r.Limit)
	defer cancel()
	results := make([]chan []Check, len(probes))
	for i, p := range probes {
		results[i] = make(chan []Check, 1)
		go func() { results[i] <- p.look(&r, ctx) }()
	}
	var report Report
	for i, p := range probes {
		report.Checks = append(report.Checks, r.await(ctx, p, results[i])...)
	}
	report.OK = !slices.ContainsFunc(report.Checks, func(c Check) bool { return c.Result == Failed })
	return report
}

// grace is for a probe to say itself what it was waiting for.
const grace = time.Second

// await does not wait for a probe that the limit does not end: a program that
// root runs for us cannot be killed by us.
func (r *Request) await(ctx context.Context, p probe, result <-chan []Check) []Check {
	select {
	case checks := <-result:
		return checks
	case <-ctx.Done():
	}
	select {
	case checks := <-result:
		return checks
	case <-time.After(grace):
	}
	var checks []Check
	for _, name := range p.names {
		checks = append(checks, Check{Name: name, Result: Failed, Code: "timeout",
			Finding: fmt.Sprintf("no end within %v", r.Limit), Hint: "raise limit, if this machine or its network is only slow"})
	}
	return checks
}
