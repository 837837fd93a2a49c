package localtailnet

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// expose puts the added latency before a listener and returns the address to
// tell the world: the listener's own when no latency is wanted.
func (t *Tailnet) expose(behind net.Addr) (string, error) {
	if t.opts.Latency == 0 {
		return behind.String(), nil
	}
	front, err := t.listen()
	if err != nil {
		return "", err
	}
	t.closers = append(t.closers, front.Close)
	t.shortcuts[front.Addr().String()] = behind.String()
	d := &delay{t: t, behind: behind.String(), rtt: t.opts.Latency}
	t.work.Go(func() { d.accept(front) })
	return front.Addr().String(), nil
}

// directClient reaches our own listeners without the added latency: when the
// API fetches the keys of the issuer, that is not a round trip of the client's.
func (t *Tailnet) directClient() *http.Client {
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, cmp.Or(t.shortcuts[addr], addr))
	}
	transport := &http.Transport{DialContext: dial}
	t.closers = append(t.closers, func() error {
		transport.CloseIdleConnections()
		return nil
	})
	return &http.Client{Transport: transport}
}

// A delay is a TCP relay that makes every round trip cost rtt more. It stands
// in for a network far away where the kernel cannot (sch_netem is rare).
//
// What the client sends is delivered rtt later, and never sooner than twice
// rtt after it connected: on a real network the handshake takes a round trip,
// which over loopback it does not. What the server sends passes at once, so
// the whole round trip costs rtt. Order is kept, and so is bandwidth: any
// number of bytes may be under way.
type delay struct {
	t      *Tailnet
	behind string
	rtt    time.Duration
}

func (d *delay) accept(front net.Listener) {
	for {
		client, err := front.Accept()
		if err != nil {
			return
		}
		connected := time.Now()
		server, err := net.Dial("tcp", d.behind)
		if err != nil {
			client.Close()
			continue
		}
		d.t.work.Go(func() { d.relay(client, server, connected) })
	}
}

// relay carries one connection until both sides are done or the tailnet ends.
func (d *delay) relay(client, server net.Conn, connected time.Time) {
	defer client.Close()
	defer server.Close()
	defer d.t.onStop(func() { client.Close(); server.Close() })()
	back := make(chan struct{})
	go func() {
		defer close(back)
		io.Copy(client, server)
		closeWrite(client)
		// A server that has hung up takes no more; without this the other
		// direction would wait for a client that waits for us.
		client.SetReadDeadline(time.Now().Add(d.rtt))
	}()
	d.carry(server, client, connected)
	closeWrite(server)
	<-back
}

// A parcel is bytes on their way, and when they arrive. No bytes is the end.
type parcel struct {
	bytes []byte
	due   time.Time
}

// carry delivers what the client sends, late.
func (d *delay) carry(server, client net.Conn, connected time.Time) {
	road := make(chan parcel, 4096)
	go func() {
		defer close(road)
		for {
			buf := make([]byte, 32<<10)
			n, err := client.Read(buf)
			sent := time.Now()
			if handshake := connected.Add(d.rtt); sent.Before(handshake) {
				sent = handshake
			}
			road <- parcel{buf[:n], sent.Add(d.rtt)}
			if err != nil {
				return
			}
		}
	}()
	for p := range road {
		time.Sleep(time.Until(p.due))
		server.Write(p.bytes) // after an error the road is emptied all the same, so that its filler can end
	}
}

func closeWrite(c net.Conn) { c.(*net.TCPConn).CloseWrite() }
