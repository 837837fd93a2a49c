//go:build unix

package localtailnet

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"tailscale.com/ipn"
)

const latency = 40 * time.Millisecond

// took checks that f takes n added round trips, and not a whole one more.
func took(t *testing.T, what string, n int, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if got := time.Since(start).Round(time.Millisecond); got < time.Duration(n)*latency || got >= time.Duration(n+1)*latency {
		t.Errorf("%s took %v, want %d round trips of %v", what, got, n, latency)
	}
}

func TestLatency_isPaidPerRoundTrip(t *testing.T) {
	tn := start(t, Options{Latency: latency})
	c := &http.Client{Transport: &http.Transport{}}
	defer c.CloseIdleConnections()
	get := func() {
		resp, err := c.Get(tn.ControlURL + "/key?v=1")
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	took(t, "handshake and request", 2, get)
	took(t, "request on the open connection", 1, get)
}

func TestLatency_connectionOpenedEarlyHasItsHandshakeBehindIt(t *testing.T) {
	tn := start(t, Options{Latency: latency})
	conn, err := net.Dial("tcp", tn.ControlURL[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-time.After(latency) // what somebody else does meanwhile
	took(t, "first request", 1, func() {
		io.WriteString(conn, "GET /key?v=1 HTTP/1.1\r\nHost: x\r\n\r\n")
		conn.Read(make([]byte, 1))
	})
}

// The exchange fetches the issuer's keys: Tailscale's round trip, not the job's.
func TestLatency_exchangeIsOneRoundTrip(t *testing.T) {
	tn := start(t, Options{Latency: latency})
	c := client(t, tn, nil)
	took(t, "handshake, exchange, listing", 3, func() {
		if _, err := c.Keys().List(t.Context(), true); err != nil {
			t.Fatal(err)
		}
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
	if took := time.Since(start); took > 50*latency {
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
