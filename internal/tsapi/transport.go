package tsapi

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/tailjoin/tailjoin/internal/retry"
)

// A transport sends over a connection that was opened before there was
// anything to send, while that is alive, and over new ones after it.
type transport struct {
	http  *http.Transport
	ready chan struct{} // nil if nothing was opened; closed when conn may be read
	conn  *http.ClientConn
}

// opening bounds a connection that is opened in advance. It is shorter than the
// limit of a request, which then still has time for a connection of its own.
const opening = 5 * time.Second

// Open begins to connect to the API server, so that the handshakes are over
// by the time the ID token is there. If it cannot connect, the calls that
// follow say why. Call it before any other method.
func (c *Client) Open(ctx context.Context) {
	base, err := c.base()
	if err != nil {
		return
	}
	t := c.sender()
	t.ready = make(chan struct{})
	go func() {
		defer close(t.ready)
		ctx, cancel := context.WithTimeout(ctx, opening)
		defer cancel()
		t.conn, _ = t.http.NewClientConn(ctx, base.Scheme, address(base))
	}()
}

func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.roundTrip(req)
	if err != nil {
		t.drop()
	}
	return res, err
}

func (t *transport) roundTrip(req *http.Request) (*http.Response, error) {
	if conn := t.opened(req.Context()); conn != nil && conn.Reserve() == nil {
		return conn.RoundTrip(req)
	}
	return t.http.RoundTrip(req)
}

// drop closes the connections after a failed request, so that the next try has
// a new one: with HTTP/2 a request that hung does not close its connection.
func (t *transport) drop() {
	defer t.http.CloseIdleConnections()
	if t.ready == nil {
		return
	}
	select {
	case <-t.ready:
		if t.conn != nil {
			t.conn.Close()
		}
	default: // it is still connecting
	}
}

func (t *transport) opened(ctx context.Context) *http.ClientConn {
	if t.ready == nil {
		return nil
	}
	select {
	case <-t.ready:
		return t.conn
	case <-ctx.Done():
		return nil
	}
}

// sender is the client's one transport.
func (c *Client) sender() *transport {
	c.once.Do(func() {
		c.transport = &transport{http: http.DefaultTransport.(*http.Transport).Clone()}
		c.transport.http.OnProxyConnectResponse = refusedByProxy
	})
	return c.transport
}

// refusedByProxy keeps the status of a proxy that does not connect: net/http has
// its text alone.
func refusedByProxy(_ context.Context, proxy *url.URL, _ *http.Request, res *http.Response) error {
	if res.StatusCode == http.StatusOK {
		return nil
	}
	e := &Error{Status: res.StatusCode, Message: "the proxy " + proxy.Host + " does not connect to the API", Foreign: true, Date: dateOf(res)}
	return mark(e, res.Header)
}

// Close drops the client's connections.
func (c *Client) Close() {
	t := c.sender()
	if conn := t.opened(context.Background()); conn != nil {
		conn.Close()
	}
	t.http.CloseIdleConnections()
}

// A refusing transport returns every answer that is not 2xx, and every web page,
// as an *Error.
type refusing struct{ http.RoundTripper }

func (t refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, retry.Network(err)
	}
	if res.StatusCode/100 == 2 && !isHTML(res) {
		return res, nil
	}
	defer res.Body.Close()
	return nil, mark(readError(res), res.Header)
}
