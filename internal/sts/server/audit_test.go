package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/sts/server"
	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/tailcfg"
)

// summed returns the sums in the audit, and how many other lines it has.
func (s *service) summed(t *testing.T) (sums []server.Entry, lines int) {
	t.Helper()
	for _, e := range s.entries(t) {
		if e.Count == 0 {
			lines++
			continue
		}
		sums = append(sums, e)
	}
	return sums, lines
}

func TestAudit_sumsUpWhatIsAskedForTooOften(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet, func(o *server.Options) { o.Rate, o.Burst = 1, 3 })
	began := s.clock.Now().UTC()
	for range 1000 {
		s.ask(t, "POST", "/token?resource="+api, nil)
	}
	s.clock.Pass(time.Minute - time.Nanosecond)
	s.ask(t, "GET", "/", nil)
	if sums, lines := s.summed(t); len(sums) != 0 || lines != 3 {
		t.Fatalf("1000 requests of which 3 are allowed have %d lines and the sums %+v", lines, sums)
	}
	s.clock.Pass(time.Nanosecond)
	s.ask(t, "GET", "/", nil)
	want := []server.Entry{{
		Time: s.clock.Now().UTC(), Event: "token", Outcome: "rate_limited", Node: nodeID, Name: "web-1.tail10ca1.ts.net",
		Count: 997, Since: began,
	}}
	sums, _ := s.summed(t)
	if d := cmp.Diff(want, sums); d != "" {
		t.Error(d)
	}
	s.clock.Pass(time.Hour)
	s.ask(t, "GET", "/", nil)
	if again, _ := s.summed(t); len(again) != 1 {
		t.Errorf("the sums are there again: %+v", again)
	}
}

func TestClose_writesTheSums(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet, func(o *server.Options) { o.Rate, o.Burst = 1, 1 })
	for range 3 {
		s.ask(t, "POST", "/token?resource="+api, nil)
	}
	s.made.Close()
	if sums, lines := s.summed(t); len(sums) != 1 || sums[0].Count != 2 || lines != 1 {
		t.Errorf("%d lines and the sums %+v", lines, sums)
	}
}

// The internet comes by Funnel, without a node's identity and from any address.
func TestAudit_isNotFilledByStrangers(t *testing.T) {
	t.Parallel()
	m := trading(t, public, func(o *server.Options) { o.PublicExchange = true })
	forged := form("x")
	for range 500 {
		m.exchange(t, forged)
		m.post(t, "text/plain", "x")
	}
	if _, lines := m.summed(t); lines != 100 {
		t.Errorf("1000 requests have %d lines, want 100", lines)
	}
	if got := m.exchange(t, form(m.token(t, nil))); got.status != http.StatusOK {
		t.Errorf("a good token: %+v", got)
	}
	if _, lines := m.summed(t); lines != 101 {
		t.Errorf("a token that was given out has no line")
	}
	m.clock.Pass(time.Minute)
	m.exchange(t, forged)
	sums, lines := m.summed(t)
	if lines != 102 {
		t.Errorf("a minute later there are %d lines, want one more", lines)
	}
	counted := map[string]int{}
	for _, e := range sums {
		counted[e.Event+" "+e.Outcome] += e.Count
	}
	if d := cmp.Diff(map[string]int{"exchange invalid_request": 450, "exchange token_invalid": 450}, counted); d != "" {
		t.Error(d)
	}
}

// Nodes are authenticated, but there can be many of them.
func TestAudit_hasSumsOfSomeNodesAndOneOfTheOthers(t *testing.T) {
	t.Parallel()
	n := 0
	s := start(t, tailnet, func(o *server.Options) {
		o.Rate, o.Burst = 1, 1
		o.WhoIs = func(context.Context, string) (*apitype.WhoIsResponse, error) {
			who := web()
			who.Node.StableID = tailcfg.StableNodeID(fmt.Sprint("n", n/2))
			n++
			return who, nil
		}
	})
	for range 2 * 100 {
		s.ask(t, "POST", "/token?resource="+api, nil)
	}
	s.made.Close()
	sums, _ := s.summed(t)
	others := 0
	for _, e := range sums {
		if e.Node == "" {
			others = e.Count
		}
	}
	if len(sums) != 65 || others != 36 {
		t.Errorf("there are %d sums, and %d requests of other nodes", len(sums), others)
	}
}

func TestLog_isNotFilledByTokensOfAnIssuerThatIsAway(t *testing.T) {
	t.Parallel()
	m := trading(t, public, func(o *server.Options) { o.PublicExchange = true })
	token := form(m.token(t, nil))
	m.issuer.away.Store(true)
	for range 50 {
		m.exchange(t, token).want(t, 503, "temporarily_unavailable", "")
	}
	if n := strings.Count(m.log.String(), "keys cannot be had"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
}

// /dev/full is a disk on which there is no room.
func TestToken_isGivenOutWhenTheDiskIsFullAndTheLogHasIt(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { full.Close() })
	s := start(t, tailnet, func(o *server.Options) { o.Audit = full })
	s.token(t, api)
	if log := s.log.String(); strings.Count(log, "an entry of it is here") != 1 || !strings.Contains(log, `\"outcome\":\"issued\"`) ||
		!strings.Contains(log, nodeID) || !strings.Contains(log, "no space left on device") {
		t.Errorf("the log has no entry: %s", log)
	}
	if page := s.metricsPage(t); !strings.Contains(page, "tailjoin_sts_audit_failures_total 1\n") {
		t.Errorf("the metrics do not have it: %s", page)
	}
}

// metricsPage is what operators see.
func (s *service) metricsPage(t *testing.T) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &page{}
	s.made.Ops().ServeHTTP(w, r)
	return w.String()
}

type page struct{ strings.Builder }

func (*page) Header() http.Header { return http.Header{} }
func (*page) WriteHeader(int)     {}

// A halfFull takes a part of one line, as a disk does that becomes full.
type halfFull struct {
	io.Writer
	room int
}

func (h *halfFull) Write(p []byte) (int, error) {
	if h.room == 0 {
		return h.Writer.Write(p)
	}
	n, err := h.Writer.Write(p[:h.room])
	h.room = 0
	return n, errors.Join(err, syscall.ENOSPC)
}

func TestAudit_beginsANewLineAfterAHalfOne(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := start(t, tailnet, func(o *server.Options) { o.Audit = &halfFull{&out, 10} })
	for range 3 {
		s.token(t, api)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 4 || len(lines[0]) != 10 || !strings.HasPrefix(lines[1], "{") || !strings.HasPrefix(lines[2], "{") || lines[3] != "" {
		t.Errorf("the audit is %q", out.String())
	}
}
