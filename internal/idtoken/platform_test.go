package idtoken_test

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/idtoken"
)

// A platform is what a workload sees of the place where it runs.
type platform struct {
	t     *testing.T
	vars  map[string]string
	wish  idtoken.Wish
	token string // that it should get
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "idtoken-") // short: it holds Unix sockets
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &platform{t: t, vars: map[string]string{}, wish: idtoken.Wish{Root: dir}, token: tokenFor(t, wanted)}
}

func (p *platform) env() idtoken.Env { return env(p.vars) }

// set adds variables: name, value, name, value.
func (p *platform) set(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		p.vars[pairs[i]] = pairs[i+1]
	}
}

// lay writes a file of the platform.
func (p *platform) lay(path, content string) string {
	p.t.Helper()
	path = filepath.Join(p.wish.Root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// script puts a program on the PATH.
func (p *platform) script(name, content string) {
	p.t.Helper()
	path := p.lay("bin/"+name, "#!/bin/sh\n"+content)
	if err := os.Chmod(path, 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.set("PATH", filepath.Dir(path)+":"+os.Getenv("PATH"))
}

// tcp listens on loopback.
func (p *platform) tcp(h http.Handler) (url string) {
	server := httptest.NewServer(h)
	p.t.Cleanup(server.Close)
	return server.URL
}

// socket listens on a Unix socket of the platform.
func (p *platform) socket(path string, h http.Handler) string {
	p.t.Helper()
	path = filepath.Join(p.wish.Root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		p.t.Fatal(err)
	}
	server := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go server.Serve(listener)
	p.t.Cleanup(func() { server.Close() })
	return path
}

// cluster listens as the API server of Kubernetes does: with a certificate that
// only the pod's ca.crt vouches for.
func (p *platform) cluster(h http.Handler) {
	p.t.Helper()
	server := httptest.NewTLSServer(h)
	p.t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	p.set("KUBERNETES_SERVICE_HOST", address.Hostname(), "KUBERNETES_SERVICE_PORT", address.Port())
	p.lay("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
}

// A want is a request as the recipe has it.
type want struct {
	Method, Path string
	Query        url.Values
	Header       map[string]string // of those that matter
	Body         string
}

// answers is a server that fails the test on any other request than these, and
// gives each its answer.
func (p *platform) answers(all ...exchange) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, e := range all {
			if r.Method == e.want.Method && r.URL.Path == e.want.Path {
				e.want.compare(p.t, r, string(body))
				io.WriteString(w, strings.ReplaceAll(e.answer, "TOKEN", p.token))
				return
			}
		}
		p.t.Errorf("asked for %s %s", r.Method, r.URL)
		http.NotFound(w, r)
	}
}

// An exchange is a request, and what is answered: TOKEN stands for the token.
type exchange struct {
	want   want
	answer string
}

func (w want) compare(t *testing.T, r *http.Request, body string) {
	t.Helper()
	got := want{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: map[string]string{}, Body: body}
	for name := range w.Header {
		got.Header[name] = r.Header.Get(name)
	}
	if w.Query == nil {
		w.Query = url.Values{}
	}
	if w.Header == nil {
		w.Header = map[string]string{}
	}
	if d := cmp.Diff(w, got); d != "" {
		t.Errorf("the request (-want +got):\n%s", d)
	}
}
