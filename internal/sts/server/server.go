// Package server answers nodes that ask for tokens, and publishes the keys by
// which others verify them. The requests and answers are those of tsiam, so
// its clients find here what they know.
package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/exchange"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"tailscale.com/client/tailscale/apitype"
)

// Options are what a token service is made of.
type Options struct {
	Issuer   string // the iss of tokens; the URL below which discovery and keys are found
	TokenURL string // where nodes ask for tokens
	Policy   *policy.Policy
	Keys     *keyring.Keeper

	// WhoIs says which node has an address. Outside of tests it is that of a
	// tailscaled.
	WhoIs func(ctx context.Context, remoteAddr string) (*apitype.WhoIsResponse, error)
	// OnTailnet fails while the node is not on the tailnet.
	OnTailnet func(ctx context.Context) error

	Audit io.Writer // gets a line for each decision
	Log   *slog.Logger
	Now   func() time.Time // nil is time.Now

	Rate  int // requests that a node may make in a second; 0 is no limit
	Burst int // and at once

	OmitHealthChecks bool // from the log

	// Exchange are the trust rules of token exchange; without any there is none.
	// By Funnel there is one only if PublicExchange says so.
	Exchange       *exchange.Policy
	PublicExchange bool
	IssuerClient   *http.Client // asks issuers for their keys; nil is http.DefaultClient
}

// A Server is a token service: three handlers, for whom each is meant.
type Server struct {
	Options
	audit   audit
	sums    sums
	callers callers
	limits  limits
	metrics *metrics
	ready   readiness

	exchanger exchanger
}

// New makes a server whose handlers may be used from now on.
func New(o Options) *Server {
	s := &Server{Options: o, metrics: newMetrics(o.Policy)}
	s.audit = audit{out: o.Audit, log: o.Log, lost: &s.metrics.unaudited}
	s.sums.init(s.audit.write)
	s.limits.init(o.Rate, o.Burst)
	if o.Exchange == nil {
		s.Exchange = &exchange.Policy{}
	}
	s.exchanger.init(s)
	return s
}

// Tailnet handles what comes from the tailnet. It is never the default mux:
// packages register pages for debugging there.
func (s *Server) Tailnet() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	if s.exchanges() {
		mux.HandleFunc("POST "+ExchangePath, s.exchangeAt(true))
	}
	s.publish(mux)
	s.health(mux)
	return s.logged(mux)
}

// Public handles what comes from anywhere: discovery and keys. No node has its
// token here. An ID token is exchanged if the configuration wants that.
func (s *Server) Public() http.Handler {
	mux := http.NewServeMux()
	if s.exchanges() && s.PublicExchange {
		mux.HandleFunc("POST "+ExchangePath, s.exchangeAt(false))
	}
	s.publish(mux)
	return s.logged(mux)
}

// ExchangePath is where ID tokens are exchanged.
const ExchangePath = "/oauth/token"

func (s *Server) exchanges() bool { return len(s.Exchange.Rules) > 0 }

// Ops handles what comes from those who run the service.
func (s *Server) Ops() http.Handler {
	mux := http.NewServeMux()
	s.health(mux)
	mux.HandleFunc("GET /metrics", s.showMetrics)
	return s.logged(mux)
}

func (s *Server) publish(mux *http.ServeMux) {
	mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	mux.HandleFunc("GET /.well-known/jwks.json", s.keys)
	mux.HandleFunc("GET /", hello)
}

func (s *Server) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", s.showReady)
}

// hello says that something is here.
func hello(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "👋")
}

// logged notes each request at debug; what is decided has the audit, for which
// each is an occasion to sum up.
func (s *Server) logged(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.sums.flush(r.Context(), s.now(), sumEvery)
		h.ServeHTTP(w, r)
		if !s.Log.Enabled(r.Context(), slog.LevelDebug) {
			return
		}
		if isHealth := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"; !isHealth || !s.OmitHealthChecks {
			s.Log.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "remote", r.RemoteAddr)
		}
	})
}

func (s *Server) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
