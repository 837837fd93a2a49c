//go:build unix

package main

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// netstack has room for 512 packets when it closes, and resets each connection.
func TestServe_endsWithManyConnections(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{Grants: grants})
	web := join(t, tn, "web", "tag:web")
	s := serve(t, tn, t.TempDir(), plain+"tsnet: {ephemeral: true}\n", mintKey(tn, "tag:tsiam"))
	if a := web.ask(t, s.url, "https://api.example.com"); a.token == "" {
		t.Fatalf("%d %s", a.status, a.code)
	}
	conns := make(chan net.Conn, 800)
	var dials sync.WaitGroup
	for range 8 {
		dials.Go(func() {
			for range 100 {
				conn, err := web.Dial(deadline(t), "tcp", net.JoinHostPort(s.name, "80"))
				if err != nil {
					t.Error(err)
					return
				}
				conns <- conn
			}
		})
	}
	dials.Wait()
	close(conns)
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it ended after %v", took)
	}
	for conn := range conns {
		conn.Close()
	}
	for _, node := range tn.Nodes() {
		if node.Hostname == "tsiam" {
			t.Errorf("the ephemeral node is still on the tailnet: %+v", node)
		}
	}
}
