//go:build unix

package localtailnet

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tailscale.com/ipn"
)

const latency = 40 * time.Millisecond

// wantTrips checks that f takes n added round trips, and not a whole one more.
// The best of three counts: a busy machine only adds.
func wantTrips(t *testing.T, n int, f func() time.Duration) {
	t.Helper()
	best := min(f(), f(), f()).Round(time.Millisecond)
	if best < time.Duration(n)*latency || best >= time.Duration(n+1)*latency {
		t.Errorf("took %v, want %d round trips of %v", best, n, latency)
	}
}

func duration(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func TestLatency_isPaidPerRoundTrip(t *testing.T) {
	tn := start(t, Options{Latency: latency})
	get := func(c *http.Client) {
		resp, err := c.Get(tn.ControlURL + "/key?v=1")
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	t.Run("handshake and request", func(t *testing.T) {
		wantTrips(t, 2, func() time.Duration {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			return duration(func() { get(c) })
		})
	})
	t.Run("request on an open connection", func(t *testing.T) {
		c := &http.Client{Transport: &http.Transport{}}
		defer c.CloseIdleConnections()
		get(c)
		wantTrips(t, 1, func() time.Duration { return duration(func() { get(c) }) })
	})
}

func TestLatency_connectionOpenedEarlyHasItsHandshakeBehindIt(t *testing.T) {
	tn := start(t, Options{Latency: latency})
	wantTrips(t, 1, func() time.Duration {
		conn, err := net.Dial("tcp", strings.TrimPrefix(tn.ControlURL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		<-time.After(latency) // what somebody else does meanwhile
		return duration(func() {
			io.WriteString(conn, "GET /key?v=1 HTTP/1.1\r\nHost: x\r\n\r\n")
			conn.Read(make([]byte, 1))
		})
	})
}

// Handshake, exchange, listing. That the API fetches the issuer's keys is
// Tailscale's round trip, not the job's.
func TestLatency_exchangeIsOneRoundTrip(t *testing.T) {
	tn := start(t, Options{Latency: latency})
	wantTrips(t, 3, func() time.Duration {
		c := client(t, tn, nil)
		c.HTTP = &http.Client{Transport: &http.Transport{}}
		defer c.HTTP.CloseIdleConnections()
		return duration(func() {
			if _, err := c.Keys().List(t.Context(), true); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestDelay_keepsOrderAndBandwidth(t *testing.T) {
	tn := start(t, Options{Latency: latency})
	sink, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	addr, err := tn.expose(sink.Addr())
	if err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, 20<<20)
	rand.Read(sent)
	go func() {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Write(sent)
		conn.Close()
	}()
	conn, err := sink.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	start := time.Now()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes, %v; want the %d sent", len(got), err, len(sent))
	}
	// A relay that waits for each parcel would need 640 times the latency.
	if took := time.Since(start); took > 320*latency {
		t.Errorf("20 MB took %v", took)
	}
}

// Six round trips: /key, the upgrade, register and map, each on what was there
// before, and two handshakes (facts: local tailnet, 6.3).
func TestLatency_loginOfADaemon(t *testing.T) {
	tn := start(t, Options{Latency: latency})
	d := startDaemon(t)
	_, key := tn.MintKey(ciKey)
	begin := time.Now()
	if state, err := d.login(t, tn, key); err != nil || state != ipn.Running {
		t.Fatalf("got %v, %v; want Running", state, err)
	}
	if took := time.Since(begin); took < 5*latency {
		t.Errorf("took %v, want at least 5 round trips of %v", took, latency)
	} else {
		t.Logf("login took %v, that is %.1f round trips", took, float64(took)/float64(latency))
	}
}
