package access

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// timed are the claims of a token with these times, in seconds from now.
func timed(times map[string]int64) idtoken.Claims {
	c := claims("repo:acme/web:ref:refs/heads/main")
	c.All = map[string]any{}
	if _, ok := times["exp"]; !ok && times != nil {
		c.All["exp"] = json.Number(fmt.Sprint(time.Now().Unix() + 3600))
	}
	for name, seconds := range times {
		c.All[name] = json.Number(fmt.Sprint(time.Now().Unix() + seconds))
	}
	c.Expires = c.Time("exp")
	return c
}

func TestAwaitStart_waitsAtMostTheLeewayAndWithinTheDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		times    map[string]int64
		deadline time.Duration
		want     time.Duration // 0 if it does not wait
	}{
		"issued 30 seconds ahead":       {map[string]int64{"iat": 30}, time.Minute, 30 * time.Second},
		"issued 31 seconds ahead":       {map[string]int64{"iat": 31}, time.Minute, 0},
		"valid from 10 seconds ahead":   {map[string]int64{"iat": -1, "nbf": 10}, time.Minute, 10 * time.Second},
		"issued after it becomes valid": {map[string]int64{"iat": 10, "nbf": 5}, time.Minute, 10 * time.Second},
		"more than the deadline leaves": {map[string]int64{"iat": 10}, 9 * time.Second, 0},
		"valid already":                 {map[string]int64{"iat": -1, "nbf": 0}, time.Minute, 0},
		"expired":                       {map[string]int64{"exp": -1}, time.Minute, 0},
		"a token without iat and nbf":   {nil, time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
				defer cancel()
				began := time.Now()
				told := time.Duration(0)
				r := Request{Again: func(_ error, limit time.Duration) { told = limit }}
				waited := r.awaitStart(ctx, timed(c.times))
				if took := time.Since(began); took != c.want || waited != (c.want > 0) || told != c.want {
					t.Errorf("waited %v for %v, told %v; want %v", waited, took, told, c.want)
				}
			})
		})
	}
}

// refuseFirst is a job whose first exchanges are refused, and how many requests it made.
func refuseFirst(t *testing.T, refusals int) (r Request, requests *int) {
	t.Helper()
	requests = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if *requests++; *requests <= refusals {
			http.Error(w, `{"message":"Unauthorized"}`, http.StatusForbidden)
			return
		}
		io.WriteString(w, `{"access_token":"tskey-api-1","expires_in":3600}`)
	}))
	t.Cleanup(server.Close)
	return Request{ClientID: "T1-CNTRL", API: &tsapi.Client{BaseURL: server.URL}, Mask: func(secret.Text) {}}, requests
}

func TestGet_aRefusedTokenThatBecomesValidSoonIsSentOnceMore(t *testing.T) {
	for refusals, want := range map[int]string{1: "", 2: "Tailscale refused this job's identity"} {
		r, requests := refuseFirst(t, refusals)
		asked := 0
		r.IDToken = func(context.Context, string) (idtoken.Token, error) {
			asked++
			return idtoken.Token{Text: secret.New("id-token"), Claims: timed(map[string]int64{"iat": 1})}, nil
		}
		_, err := r.Get(t.Context())
		if got := fmt.Sprint(err); *requests != 2 || asked != 1 || (err == nil) != (want == "") || !strings.HasPrefix(got, want) && err != nil {
			t.Errorf("%d refusals: %d requests with %d tokens, then %v; want 2 requests with one token, then %q", refusals, *requests, asked, err, want)
		}
	}
}

func TestGet_aRefusedTokenIsComparedWithTheClockFirst(t *testing.T) {
	for name, c := range map[string]struct {
		times map[string]int64
		says  string
	}{
		"issued a minute ahead":    {map[string]int64{"iat": 60}, "Tailscale refused this job's identity: the ID token is not valid before "},
		"valid from a minute on":   {map[string]int64{"iat": -1, "nbf": 60}, "Tailscale refused this job's identity: the ID token is not valid before "},
		"expired when it was read": {map[string]int64{"iat": -400, "exp": -100}, "Tailscale refused this job's identity: the ID token expired at "},
		"valid":                    {map[string]int64{"iat": -1, "nbf": -1, "exp": 100}, "Tailscale refused this job's identity, probably for its subject: "},
		"without times":            {nil, "Tailscale refused this job's identity: the ID token has no time at which it expires (exp)"},
	} {
		t.Run(name, func(t *testing.T) {
			r, requests := refuseFirst(t, 1<<30)
			r.IDToken = func(context.Context, string) (idtoken.Token, error) {
				return idtoken.Token{Text: secret.New("id-token"), Claims: timed(c.times)}, nil
			}
			_, err := r.Get(t.Context())
			p := diag.As(err)
			if p.Code != "wif-refused" || !strings.HasPrefix(p.Error(), c.says) || *requests != 1 {
				t.Errorf("after %d requests %s: %v; want one, and %q", *requests, p.Code, err, c.says)
			}
			if late := strings.Contains(c.says, "not valid") || strings.Contains(c.says, "expired at"); late != strings.Contains(p.Hint, "the clock of th") {
				t.Errorf("hint: %s", p.Hint)
			}
		})
	}
}
