//go:build unix

package main

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// A gate is an address from which connections go on to another, until the way
// is cut: then they are made, and nothing is ever heard.
type gate struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	isCut bool
	open  map[net.Conn]bool // of both sides
}

func newGate(t *testing.T, url string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: l, to: strings.TrimPrefix(url, "http://"), open: map[net.Conn]bool{}}
	go g.serve()
	t.Cleanup(func() {
		l.Close()
		g.mend()
	})
	return g
}

func (g *gate) url() string { return "http://" + g.listener.Addr().String() }

func (g *gate) serve() {
	for {
		from, err := g.listener.Accept()
		if err != nil {
			return
		}
		go g.pass(from)
	}
}

func (g *gate) pass(from net.Conn) {
	if !g.keep(from) {
		return
	}
	defer g.drop(from)
	to, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	if !g.keep(to) {
		to.Close()
		return
	}
	defer g.drop(to)
	go io.Copy(to, from)
	io.Copy(from, to)
}

// keep notes a connection, and says whether anything may pass.
func (g *gate) keep(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[c] = true
	return !g.isCut
}

func (g *gate) drop(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, c)
	c.Close()
}

func (g *gate) cut()  { g.set(true) }
func (g *gate) mend() { g.set(false) }

// set ends all connections that there are; those that come see the change.
func (g *gate) set(cut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isCut = cut
	for c := range g.open {
		c.Close()
	}
	clear(g.open)
}
