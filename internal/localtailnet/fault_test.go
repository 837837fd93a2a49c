//go:build unix

package localtailnet

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tailscale.com/ipn"
)

// setFault sets a fault of an operation that exists.
func setFault(t *testing.T, tn *Tailnet, op string, f Fault) {
	t.Helper()
	if err := tn.SetFault(op, f); err != nil {
		t.Fatal(err)
	}
}

func TestSetFault_unknownOperation(t *testing.T) {
	tn := start(t, Options{})
	if err := tn.SetFault("coffee", Fault{Status: 418}); err == nil || !strings.Contains(err.Error(), "token-exchange") {
		t.Errorf("got %v, want an error that names the operations", err)
	}
}

func TestFault_statusAndHeaderThenFine(t *testing.T) {
	tn := start(t, Options{})
	setFault(t, tn, OpKeys, Fault{Method: "POST", Times: 1, Status: 429, Header: http.Header{"Retry-After": {"7"}}})
	keys := client(t, tn, nil).Keys()
	if _, err := keys.List(t.Context(), true); err != nil {
		t.Errorf("GET: got %v, want it spared", err)
	}
	if _, err := keys.CreateAuthKey(t.Context(), keyRequest("tag:ci")); statusOf(err) != 429 {
		t.Errorf("first POST: got %v, want 429", err)
	}
	if _, err := keys.CreateAuthKey(t.Context(), keyRequest("tag:ci")); err != nil {
		t.Errorf("second POST: %v", err)
	}
}

func TestFault_headerAndBody(t *testing.T) {
	tn := start(t, Options{})
	setFault(t, tn, OpIDToken, Fault{Status: 503, Body: "<html>", Header: http.Header{"Retry-After": {"7"}}})
	resp, err := http.Get(tn.IDTokenRequestURL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 503 || string(body) != "<html>" || resp.Header.Get("Retry-After") != "7" {
		t.Errorf("got %s %q %v", resp.Status, body, resp.Header)
	}
}

func TestFault_hangUntilTheClientGivesUp(t *testing.T) {
	tn := start(t, Options{})
	setFault(t, tn, OpExchange, Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", tn.ControlURL+"/api/v2/oauth/token-exchange", strings.NewReader("client_id=x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want no answer", err)
	}
}

func TestFault_cut(t *testing.T) {
	tests := map[string]struct {
		fault    Fault
		wantKeys int // minted for all that
	}{
		"before it is done": {Fault{Cut: true, Times: 1}, 0},
		"after it is done":  {Fault{Lost: true, Times: 1}, 1},
		"in the answer":     {Fault{CutAfter: 10, Times: 1}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tn := start(t, Options{})
			keys := client(t, tn, nil).Keys()
			setFault(t, tn, OpKeys, test.fault)
			_, err := keys.CreateAuthKey(t.Context(), keyRequest("tag:ci"))
			if err == nil || statusOf(err) != 0 {
				t.Errorf("got %v, want a broken connection", err)
			}
			if got := len(tn.Keys()); got != test.wantKeys {
				t.Errorf("got %d keys, want %d", got, test.wantKeys)
			}
		})
	}
}

// The daemon tries again by itself. (It does so too when the upgrade of its
// connection is cut, but only after 10 s: tailscale.com/control/ts2021 has no
// second address to try with http.)
func TestFault_daemonGetsOverIt(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		op    string
		fault Fault
	}{
		"control's key is late":     {OpControlKey, Fault{Delay: 50 * time.Millisecond, Times: 1}},
		"register cut":              {OpRegister, Fault{Cut: true, Times: 1}},
		"register answers 503":      {OpRegister, Fault{Status: 503, Times: 1}},
		"map cut":                   {OpMap, Fault{Cut: true, Times: 1}},
		"map answers 500":           {OpMap, Fault{Status: 500, Times: 2}},
		"netmap breaks off midway":  {OpMap, Fault{CutAfter: 40, Times: 1}},
		"register asks to wait 1 s": {OpRegister, Fault{Status: 429, Times: 1, Header: http.Header{"Retry-After": {"1"}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := start(t, Options{})
			_, key := tn.MintKey(ciKey)
			setFault(t, tn, test.op, test.fault)
			state, err := startDaemon(t).login(t, tn, key)
			if err != nil || state != ipn.Running {
				t.Errorf("got %v, %v; want Running", state, err)
			}
			if nodes := tn.Nodes(); len(nodes) != 1 {
				t.Errorf("got %+v, want one node", nodes)
			}
		})
	}
}

// The daemon makes a new node key for each try, so to control the second try is
// a second node. The first is never heard of again.
func TestFault_lostRegistrationBurnsTheKey(t *testing.T) {
	t.Parallel()
	tn := start(t, Options{EphemeralTimeout: 100 * time.Millisecond})
	_, key := tn.MintKey(ciKey)
	setFault(t, tn, OpRegister, Fault{Lost: true, Times: 1})
	_, err := startDaemon(t).login(t, tn, key)
	if want := "invalid key: API key ID not valid"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	until(t, tn, "the node is gone", func() bool { return len(tn.Nodes()) == 0 })
}
