//go:build linux

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// tokenAgain are the operations after whose failure the job must ask for
// another ID token: a token is for one exchange.
var tokenAgain = map[string]int{localtailnet.OpIDToken: 1, localtailnet.OpExchange: 2, localtailnet.OpKeys: 2}

func TestJoin_serverThatFailsOnce_isAskedAgainWithAFreshIDToken(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]localtailnet.Fault{
		"429":  {Status: 429, Header: http.Header{"Retry-After": {"1"}}},
		"503":  {Status: 503, Body: "<html>busy</html>"},
		"cut":  {Cut: true},
		"lost": {Lost: true},
		"hang": {Hang: true},
		"page": {Status: 403, Body: "<html>blocked</html>"},
	} {
		for op, tokens := range tokenAgain {
			if name == "page" && op == localtailnet.OpIDToken {
				continue // only a page that says that it is HTML counts there
			}
			t.Run(name+" "+op, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, localtailnet.Options{})
				fault.Times = 1
				w.fault(op, fault)
				began := time.Now()
				w.mustJoin("--network=userspace", "--timeout=20s") // of which a request has a quarter

				if fault.Header != nil && time.Since(began) < time.Second {
					t.Error("Retry-After was not waited for")
				}
				if op == localtailnet.OpIDToken && name == "lost" {
					tokens++ // it was given, though nobody got it
				}
				if got := w.events(localtailnet.OpIDToken); len(withStatus(got, 200)) != tokens {
					t.Errorf("ID tokens: %v, want %d", got, tokens)
				}
				for _, e := range w.events(localtailnet.OpExchange) {
					if strings.Contains(e.Detail, "REPLAYED") {
						t.Errorf("an ID token was sent twice: %v", e)
					}
				}
				w.mustLeave()
				w.wantNothingLeft()
			})
		}
	}
}

func withStatus(events []localtailnet.Event, status int) (some []localtailnet.Event) {
	for _, e := range events {
		if e.Status == status {
			some = append(some, e)
		}
	}
	return some
}

// methods are those of the requests that a join itself makes.
var methods = map[string]string{localtailnet.OpIDToken: "GET", localtailnet.OpExchange: "POST", localtailnet.OpKeys: "POST"}

func TestJoin_serverThatKeepsFailing_isNamed(t *testing.T) {
	t.Parallel()
	for op, words := range map[string]string{
		localtailnet.OpIDToken:  "asking for an ID token",
		localtailnet.OpExchange: "exchanging ID token",
		localtailnet.OpKeys:     "creating auth key",
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{})
			w.fault(op, localtailnet.Fault{Status: 503, Method: methods[op]})
			began := time.Now()
			w.mustFail("not-answering", []string{words, "503"}, "--network=userspace", "--timeout=4s")

			if took := time.Since(began); took < 2*time.Second || took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			if got := withStatus(w.events(op), 503); len(got) < 5 {
				t.Errorf("%d tries, want at least 5", len(got))
			}
		})
	}
}

func TestJoin_serverThatHangs_endsAtTheTimeLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.fault(localtailnet.OpExchange, localtailnet.Fault{Hang: true})
	began := time.Now()
	w.mustFail("not-answering", []string{"exchanging ID token", "no answer within"}, "--network=userspace", "--timeout=3s")
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A server that is away for a while costs that while and a line of the log.
func TestJoin_serverThatIsAwayForAWhile_isWaitedFor(t *testing.T) {
	t.Parallel()
	const while = 1500 * time.Millisecond
	for op, said := range map[string]string{
		localtailnet.OpIDToken:    "asking for an ID token",
		localtailnet.OpExchange:   "exchanging ID token",
		localtailnet.OpKeys:       "creating auth key",
		localtailnet.OpControlKey: "",
		localtailnet.OpRegister:   "",
	} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{})
			w.fault(op, localtailnet.Fault{Cut: true})
			began := time.Now()
			time.AfterFunc(while, func() { w.SetFault(op, localtailnet.Fault{}) })
			got := w.run("join", "--network=userspace")
			if took := time.Since(began); got.status != 0 || took < while || took > 15*time.Second {
				t.Errorf("it ended with %d after %v:\n%s", got.status, took, got.text())
			}
			const line = "not available yet; trying again for"
			if n := strings.Count(got.text(), line); said != "" && n != 1 {
				t.Errorf("%d lines say %q, want 1:\n%s", n, line, got.text())
			}
			wantWords(t, got, said)
			w.mustLeave()
			w.wantNothingLeft()
		})
	}
}
