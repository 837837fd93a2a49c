//go:build unix

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	soakFor = flag.Duration("soak", 25*time.Second, "for how long TestSoak asks for tokens")
	seed    = flag.Uint64("seed", 0, "of what TestSoak breaks, and when; 0 draws one")
)

// hasty is as fast as keys can rotate safely with a look every second and
// tokens that live for ten: every 18 seconds. What the skew has beyond the 3 s
// for which a replica signs that hears nothing is for answers that take long:
// the load balancer waits for one up to 3 s.
const (
	hasty     = "every: 18s, refresh: 1s, skew: 8s, cacheFor: 2s"
	hastyLife = 10 * time.Second
)

// TestSoak has nodes ask for tokens while keys rotate as fast as they may and
// things break: replicas are killed, paused and cut off, and so is etcd. Of all
// that verifiers are shown they may not refuse one.
func TestSoak(t *testing.T) {
	t.Parallel()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed=%d breaks the same again", *seed)
	s := &soak{fleet: newFleet(t, 3, hastyLife, hasty), rand: rand.New(rand.NewPCG(*seed, 0)), counts: map[string]int{}, kids: map[string]bool{}}
	for _, r := range s.replicas {
		s.start(r)
	}
	for _, r := range s.replicas {
		s.until(r.name+" is ready", r.isReady)
	}
	s.verifiers = verifiersOf(t, s.issuer)
	s.run()
	s.report()
}

type soak struct {
	*fleet
	rand      *rand.Rand // of what is broken
	verifiers []*verifier

	mu     sync.Mutex
	counts map[string]int
	kids   map[string]bool // that signed
	most   int             // keys that were published at once
	old    []shown         // tokens that are to be shown again, the oldest first
}

// A shown is a token that was good once.
type shown struct {
	token, audience string
	until           time.Time
}

// endOf is when a token ends.
func endOf(t *testing.T, token string) time.Time {
	t.Helper()
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || claims.ExpiresAt == nil {
		t.Errorf("a token without an end: %v", err)
		return time.Now()
	}
	return claims.ExpiresAt.Time
}

func (s *soak) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

// run does everything at the same time, until the time is over.
func (s *soak) run() {
	ctx, cancel := context.WithTimeout(s.t.Context(), *soakFor)
	defer cancel()
	var work sync.WaitGroup
	for i := range 4 {
		work.Go(func() { s.ask(ctx, rand.New(rand.NewPCG(*seed, uint64(i+1)))) })
	}
	work.Go(func() { s.showAgain(ctx) })
	s.breakThings(ctx)
	work.Wait()
}

// ask asks one replica after the other for tokens, and shows them around.
func (s *soak) ask(ctx context.Context, random *rand.Rand) {
	for again := time.NewTicker(50 * time.Millisecond); ctx.Err() == nil && !s.t.Failed(); <-again.C {
		r := s.replicas[random.IntN(len(s.replicas))]
		aud := []string{audience, "https://ed.example.com"}[random.IntN(2)]
		token, outcome := s.token(r, aud)
		s.count("asked: " + outcome)
		if token == "" {
			continue
		}
		got := shown{token, aud, endOf(s.t, token)}
		s.show("", got)
		s.mu.Lock()
		s.kids[kidOf(s.t, token)] = true
		if random.IntN(10) == 0 {
			s.old = append(s.old, got)
		}
		s.mu.Unlock()
	}
}

// token asks a replica. What is no token is an outcome that a client has to
// expect of a service of which parts break, or it fails the test.
func (s *soak) token(r *replica, audience string) (token, outcome string) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/token?resource="+audience, nil)
	if err != nil {
		return "", err.Error()
	}
	req.Header.Set("X-Tsiam", "1")
	res, err := s.web.Do(req)
	if err != nil {
		return "", "no answer"
	}
	defer res.Body.Close()
	var body struct {
		Code        string `json:"code"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		return "", "no answer"
	}
	switch {
	case res.StatusCode == http.StatusOK && body.AccessToken != "":
		return body.AccessToken, "a token"
	case body.Code == "unavailable":
		return "", "503, since the keys cannot be looked at"
	}
	s.t.Errorf("%s answers %s %s", r.name, res.Status, body.Code)
	return "", body.Code
}

// show shows a token to every verifier.
func (s *soak) show(when string, got shown) {
	for _, v := range s.verifiers {
		ctx, cancel := context.WithTimeout(s.t.Context(), 15*time.Second)
		err := v.verify(ctx, got.token, got.audience)
		cancel()
		if err != nil && !time.Now().Before(got.until) {
			s.count("not shown to the last verifier before its end")
			return
		}
		if err != nil {
			v.errors.Add(1)
			s.t.Errorf("%s refuses a good token%s: %v (key %s, %v left)", v.name, when, err, kidOf(s.t, got.token), time.Until(got.until))
			continue
		}
		v.verified.Add(1)
	}
}

// showAgain shows tokens shortly before they end, when the key that signed them
// may have been retired.
func (s *soak) showAgain(ctx context.Context) {
	for again := time.NewTicker(100 * time.Millisecond); ctx.Err() == nil && !s.t.Failed(); <-again.C {
		s.mu.Lock()
		var due []shown
		for len(s.old) > 0 && time.Until(s.old[0].until) < 3*time.Second {
			due, s.old = append(due, s.old[0]), s.old[1:]
		}
		s.mu.Unlock()
		for _, got := range due {
			s.show(", which is about to end", got)
			s.count("shown again, shortly before its end")
		}
		s.notePublished()
	}
}

func (s *soak) notePublished() {
	c := &cache{url: s.issuer + keysPath}
	ctx, cancel := context.WithTimeout(s.t.Context(), 15*time.Second)
	defer cancel()
	if err := c.fetch(ctx); err != nil {
		s.count("the keys were not shown, since they could not be looked at")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = max(s.most, len(c.keys.Keys))
}

// breakThings breaks one thing after the other, and waits until the service is
// whole again.
func (s *soak) breakThings(ctx context.Context) {
	all := map[string]func(*replica, time.Duration){
		"a replica killed": func(r *replica, _ time.Duration) { r.kill(); s.start(r) },
		"a replica paused": func(r *replica, d time.Duration) {
			r.cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(d)
			r.cmd.Process.Signal(syscall.SIGCONT)
		},
		"a replica cut off": func(r *replica, d time.Duration) { r.etcd.cut(); time.Sleep(d); r.etcd.mend() },
		"etcd killed": func(_ *replica, d time.Duration) {
			s.etcd.Kill()
			time.Sleep(d)
			if err := s.etcd.Restart(s.t.Context()); err != nil {
				s.t.Error(err)
			}
		},
	}
	names := slices.Sorted(maps.Keys(all))
	for !s.t.Failed() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(s.rand.Int64N(int64(5 * time.Second)))):
		}
		name := names[s.rand.IntN(len(names))]
		r := s.replicas[s.rand.IntN(len(s.replicas))]
		all[name](r, time.Duration(s.rand.Int64N(int64(8*time.Second))))
		s.count("broken: " + name)
		s.until("the service is whole again after: "+name, func() bool {
			return !slices.ContainsFunc(s.replicas, func(r *replica) bool { return !r.isReady() })
		})
	}
}

func (s *soak) report() {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(s.counts)) {
		fmt.Fprintf(&b, "%7d  %s\n", s.counts[what], what)
	}
	fmt.Fprintf(&b, "%7d  keys signed, of two algorithms: %d rotations\n", len(s.kids), len(s.kids)-2)
	fmt.Fprintf(&b, "%7d  keys were published at once, at most\n", s.most)
	for _, v := range s.verifiers {
		fmt.Fprintf(&b, "%7d  verified and %d refused by %s\n", v.verified.Load(), v.errors.Load(), v.name)
	}
	s.t.Logf("in %v:\n%s", *soakFor, &b)
	if len(s.kids) < 2+int(*soakFor/(40*time.Second)) {
		s.t.Errorf("the keys did not rotate enough: %d signed", len(s.kids))
	}
}
