package vaulttest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
)

// Proxy is the address of a proxy by which another process finds both, as
// HTTPS_PROXY: they have their own names there, and certificates that CA has
// signed. It leads nowhere else.
func (v *Vault) Proxy() string {
	s := httptest.NewServer(http.HandlerFunc(v.tunnel))
	v.t.Cleanup(s.Close)
	v.t.Cleanup(v.hangUp)
	return s.URL
}

func (v *Vault) tunnel(w http.ResponseWriter, r *http.Request) {
	name, _, _ := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || name != host && name != login {
		http.Error(w, "there is nothing else here", http.StatusBadGateway)
		return
	}
	to, err := v.dial(context.Background(), "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer to.Close()
	w.WriteHeader(http.StatusOK)
	from, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		v.t.Error(err)
		return
	}
	defer from.Close()
	v.set(func() { v.tunnels = append(v.tunnels, from, to) })
	go func() {
		io.Copy(to, buffered)
		to.Close()
	}()
	io.Copy(from, to)
}

// hangUp ends all tunnels.
func (v *Vault) hangUp() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.tunnels {
		c.Close()
	}
	v.tunnels = nil
}
