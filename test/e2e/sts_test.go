//go:build linux

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// tokenService has a peer answer as tsiam does, with tokens that are good for
// some seconds and have a number. cmd/sts tests the real service.
func (w *world) tokenService(peer *localtailnet.Peer, life time.Duration) (url string) {
	w.t.Helper()
	listener, err := peer.Listen("tcp", ":8080")
	if err != nil {
		w.t.Fatal(err)
	}
	var given atomic.Int64
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || r.URL.Path != "/token" || r.Header.Get("X-Tsiam") == "" {
			w.t.Errorf("asked for %s %s", r.Method, r.URL)
		}
		token, err := w.Issuer().Mint(r.URL.Query().Get("resource"), map[string]any{"n": given.Add(1), "exp": time.Now().Add(life).Unix()})
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(rw).Encode(map[string]string{"access_token": token})
	})}
	go server.Serve(listener)
	w.t.Cleanup(func() { server.Close() })
	return "http://" + peer.Name + ":8080"
}

// claimsOf are those of a token, for its bearer.
func claimsOf(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(strings.TrimSpace(token), claims); err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	return claims
}

func TestJoin_getsATokenOfAServiceOnTheTailnet(t *testing.T) {
	for _, network := range []string{"userspace", "tun"} {
		t.Run(network, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			url := w.tokenService(w.mustPeer(localtailnet.PeerOptions{}), time.Minute)
			out := w.mustJoin("--network="+network, "--sts-url="+url, "--sts-audience=https://api.example.com")
			raw, err := os.ReadFile(out["sts-token-file"])
			if err != nil {
				t.Fatal(err)
			}
			if claims := claimsOf(t, string(raw)); claims["aud"] != "https://api.example.com" || out["sts-token"] != string(raw) {
				t.Errorf("the file has a token for %v, the output has %q", claims["aud"], out["sts-token"])
			}
			w.vars["TAILJOIN_HTTP_PROXY"] = out["http-proxy"] // empty with an interface
			if later := w.printed("token", "get", "--id-token-source=sts", "--sts-url="+url, "--audience=x"); claimsOf(t, later)["aud"] != "x" {
				t.Errorf("a later step got %q", later)
			}
			w.mustLeave()
			w.wantNothingLeft()
		})
	}
}

func TestRun_renewsTokensWhileItsCommandRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
	url := w.tokenService(w.mustPeer(localtailnet.PeerOptions{}), 4*time.Second)
	got := w.tailjoinRun([]string{"--network=userspace", "--sts-url=" + url, "--sts-audience=x"},
		"sh", "-c", `cat "$TAILJOIN_STS_TOKEN_FILE"; echo; sleep 5; cat "$TAILJOIN_STS_TOKEN_FILE"`)
	if got.status != 0 {
		t.Fatalf("%d\n%s", got.status, got.words)
	}
	first, second, _ := strings.Cut(got.out, "\n")
	before, after := claimsOf(t, first), claimsOf(t, second)
	if before["n"] != 1.0 || after["n"].(float64) < 2 {
		t.Errorf("token %v, and five seconds later %v", before["n"], after["n"])
	}
	if expires, err := after.GetExpirationTime(); err != nil || expires.Before(time.Now().Add(-time.Second)) {
		t.Errorf("it has expired: %v, %v", expires, err)
	}
	w.wantNoRunLeft()
}
