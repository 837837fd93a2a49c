package join

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
	"tailscale.com/tailcfg"
)

func TestNewLeaving_takesTheClientFromTheSessionAndNeverTheServer(t *testing.T) {
	api := &tsapi.Client{BaseURL: "https://api.example.com"}
	s := &session{record: record{ClientID: "of the session", Audience: "its audience"}}
	for name, tt := range map[string]struct {
		given                    Identity
		wantClient, wantAudience string
	}{
		"nothing is given":  {Identity{}, "of the session", "its audience"},
		"a client is given": {Identity{ClientID: "given", Audience: "a"}, "given", "a"},
		"a secret is given": {Identity{Secret: secret.New("tskey-client-x-y")}, "", ""},
	} {
		l := newLeaving(s, LeaveRequest{Identity: tt.given}, Deps{API: api})
		if l.identity.ClientID != tt.wantClient || l.identity.Audience != tt.wantAudience || l.API != api {
			t.Errorf("%s: client %q, audience %q, API %v", name, l.identity.ClientID, l.identity.Audience, l.API)
		}
	}
}

// An ID token without a client to use it with is for no one: it must not be
// requested. The session here says that there is a key to revoke.
func TestLeaving_afterAJoinByAuthKey_asksForNoIDToken(t *testing.T) {
	for name, given := range map[string]Identity{
		"nothing is given":   {},
		"a client is given":  {ClientID: "T1-CNTRL", Audience: "api.tailscale.com/T1-CNTRL"},
		"a secret is given":  {Secret: secret.New("tskey-client-x-y")},
		"an audience, alone": {Audience: "api.tailscale.com/"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustSession(t)
			mustDo(t, s.note(func(r *record) { r.ByKey, r.Login, r.Node, r.Key = true, true, "n1", keyState{Tries: 1, ID: "k1"} }))
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Error("the API was asked for", r.URL) }))
			defer server.Close()
			d := quietDeps()
			d.API, d.Mask = &tsapi.Client{BaseURL: server.URL}, func(secret.Text) {}
			d.IDToken = func(context.Context, string) (idtoken.Token, error) {
				t.Error("an ID token was requested")
				return idtoken.Token{}, nil
			}
			l := newLeaving(s, LeaveRequest{Identity: given}, d)
			l.limits = hasty
			if l.logOut(t.Context()) == nil || l.revoke(t.Context()) == nil {
				t.Error("a node or a key that stays is not reported")
			}
		})
	}
}

func TestLimits_areBriskWhereLittleTimeIsLeft(t *testing.T) {
	for left, want := range map[time.Duration]limits{time.Second: brisk, 15 * time.Second: brisk, 30 * time.Second: patient} {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		if got := limitsWithin(ctx); got != want {
			t.Errorf("with %v: got %+v, want %+v", left, got, want)
		}
		cancel()
	}
	if got := limitsWithin(t.Context()); got != patient {
		t.Errorf("without a deadline: got %+v", got)
	}
}

func TestDaemonState_oneWithAnInterfaceIsNeverLight(t *testing.T) {
	for state, want := range map[daemonState]bool{{Light: true}: true, {Light: true, TUN: true}: false, {TUN: true}: false, {}: false} {
		if got := state.light(); got != want {
			t.Errorf("%+v: got %t", state, got)
		}
	}
}

// A leave may be killed too: the next one has no daemon to ask.
func TestLeaving_notesTheLogoutAndRemovesWhatWasBeingUnpacked(t *testing.T) {
	cache := t.TempDir()
	s := mustSession(t)
	mustDo(t, s.note(func(r *record) { r.Login, r.Node = true, "n1" }))
	unpacked, others := filepath.Join(cache, "tailscaled", ".unpack-"+s.ID+"-1"), filepath.Join(cache, "tailscaled", ".unpack-other-1")
	mustDo(t, os.MkdirAll(unpacked, 0o700), os.MkdirAll(others, 0o700))
	l := newLeaving(s, LeaveRequest{CacheDir: cache}, quietDeps())
	l.limits = hasty
	mustDo(t, l.undoOthers(t.Context(), true))
	got, err := readSession(s.dir)
	mustDo(t, err)
	if got.Login || exist(t, unpacked) || !exist(t, others) {
		t.Errorf("login %t, ours is left: %t, another's is left: %t", got.Login, exist(t, unpacked), exist(t, others))
	}
}

// A daemon forgets its node as it logs out, even if control never hears of it.
func TestLeaving_notesTheNodeBeforeItsLogout(t *testing.T) {
	s := mustSession(t)
	place, err := os.MkdirTemp("/tmp", "join-") // short, as a socket's path must be
	mustDo(t, err)
	defer os.RemoveAll(place)
	socket := filepath.Join(place, "s")
	listener, err := net.Listen("unix", socket)
	mustDo(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/logout"):
			http.Error(w, "control is away", http.StatusInternalServerError)
		case strings.HasSuffix(r.URL.Path, "/prefs"):
			json.NewEncoder(w).Encode(ipn.NewPrefs())
		default:
			json.NewEncoder(w).Encode(ipnstate.Status{Self: &ipnstate.PeerStatus{ID: tailcfg.StableNodeID("n7")}})
		}
	})}
	go server.Serve(listener)
	defer server.Close()
	mustDo(t, s.note(func(r *record) { r.Login = true; r.Daemon.Socket = socket }))
	l := newLeaving(s, LeaveRequest{}, quietDeps())
	l.limits = hasty
	if err := l.byDaemon(t.Context()); err == nil {
		t.Error("a logout that failed is a success")
	}
	if got, err := readSession(s.dir); err != nil || got.Node != "n7" {
		t.Errorf("node %q, error %v, want n7", got.Node, err)
	}
}

// unsteadyAPI is an API that drops the first connections of each kind of request.
func unsteadyAPI(t *testing.T, drops int) (api *tsapi.Client, answered func() []string) {
	t.Helper()
	var lock sync.Mutex
	var done []string
	tries := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		request := r.Method + " " + r.URL.Path
		if tries[request]++; tries[request] <= drops {
			panic(http.ErrAbortHandler)
		}
		done = append(done, request)
		io.WriteString(w, `{"access_token":"tskey-api-1","expires_in":3600}`)
	}))
	t.Cleanup(server.Close)
	return &tsapi.Client{BaseURL: server.URL}, func() []string {
		lock.Lock()
		defer lock.Unlock()
		return done
	}
}

// leavingThrough has a node and an unused key to delete through the API.
func leavingThrough(t *testing.T, api *tsapi.Client, l limits) *leaving {
	t.Helper()
	s := mustSession(t)
	mustDo(t, s.note(func(r *record) { r.Login, r.Node, r.Key = true, "n1", keyState{Tries: 1, ID: "k1"} }))
	d := quietDeps()
	d.API, d.Mask = api, func(secret.Text) {}
	leaving := newLeaving(s, LeaveRequest{Identity: Identity{Secret: secret.New("tskey-client-x-y")}}, d)
	leaving.limits = l
	return leaving
}

func TestLeaving_anAPIThatIsAwayForAMoment_isAskedAgain(t *testing.T) {
	api, answered := unsteadyAPI(t, 3)
	l := leavingThrough(t, api, patient)
	mustDo(t, l.byAPI(t.Context()), l.revoke(t.Context()))
	want := []string{"POST /api/v2/oauth/token", "DELETE /api/v2/device/n1", "DELETE /api/v2/tailnet/-/keys/k1"}
	if d := cmp.Diff(want, answered()); d != "" {
		t.Errorf("answered (-want +got):\n%s", d)
	}
}

// DELETE of a device is documented with 400 and 501, and without 404.
func TestLeaving_aNodeThatIsGone_isFoundOutWhateverTheAPISays(t *testing.T) {
	for name, c := range map[string]struct {
		deletion, shown int
		gone            bool
	}{
		"404":                           {404, 500, true},
		"400, and 404 to look":          {400, 404, true},
		"400, and 400 to look":          {400, 400, true},
		"501, and 404 to look":          {501, 404, true},
		"400, and the node is there":    {400, 200, false},
		"501, and the node is there":    {501, 200, false},
		"400, and nobody may look":      {400, 403, false},
		"403":                           {403, 404, false},
		"a proxy's 400, that redirects": {400, 302, false},
	} {
		t.Run(name, func(t *testing.T) {
			statuses := map[string]int{"POST": 200, "DELETE": c.deletion, "GET": c.shown}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(statuses[r.Method])
				io.WriteString(w, `{"access_token":"tskey-api-1","expires_in":3600,"message":"no"}`)
			}))
			t.Cleanup(server.Close)
			err := leavingThrough(t, &tsapi.Client{BaseURL: server.URL}, hasty).byAPI(t.Context())
			if gone := err == nil; gone != c.gone {
				t.Errorf("the node is gone: %t (%v), want %t", gone, err, c.gone)
			}
		})
	}
}

func TestLeaving_anAPIThatStaysAway_endsWithinTheLimitOfThePart(t *testing.T) {
	api, _ := unsteadyAPI(t, 1<<30)
	l := leavingThrough(t, api, hasty)
	for name, part := range map[string]func(context.Context) error{"deletion": l.byAPI, "revocation": l.revoke} {
		began := time.Now()
		if err := part(t.Context()); err == nil || time.Since(began) > 2*hasty.api {
			t.Errorf("%s: error %v after %v, want an error within %v", name, err, time.Since(began), hasty.api)
		}
	}
}
