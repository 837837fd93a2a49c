package localtailnet

import (
	"context"
	"net"
	"net/http"
	"time"
)

// listen opens a TCP port on the tailnet's address.
func (t *Tailnet) listen() (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort(t.opts.Listen, "0"))
}

// publish serves a handler at a new address, which carries the added latency. The
// handler is made once that address is known.
func (t *Tailnet) publish(handler func(url string) (http.Handler, error)) (url, direct string, err error) {
	l, err := t.listen()
	if err != nil {
		return "", "", err
	}
	addr, err := t.expose(l.Addr())
	if err != nil {
		return "", "", err
	}
	url = "http://" + addr
	h, err := handler(url)
	if err != nil {
		return "", "", err
	}
	t.serve(l, h)
	return url, "http://" + l.Addr().String(), nil
}

// serve answers HTTP on l until Close.
func (t *Tailnet) serve(l net.Listener, h http.Handler) {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return t.ctx },
		ErrorLog:          t.opts.log(),
	}
	t.closers = append(t.closers, s.Close)
	t.work.Go(func() { s.Serve(l) })
}

// openPackages starts the package server, if one is wanted.
func (t *Tailnet) openPackages() (err error) {
	if t.opts.PackagesDir == "" {
		return nil
	}
	if t.packages, err = NewPackages(t.opts.PackagesDir); err != nil {
		return err
	}
	t.packages.Bandwidth.Store(t.opts.Bandwidth)
	t.PackagesURL, _, err = t.publish(func(string) (http.Handler, error) {
		return t.faulty(OpPackages, t.packages), nil
	})
	return err
}

// Packages is the package server; nil without Options.PackagesDir.
func (t *Tailnet) Packages() *Packages { return t.packages }
