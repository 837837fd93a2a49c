// Package localtailnet is a whole tailnet on loopback: what Tailscale runs for
// its customers, and what a CI runtime gives its jobs, in one process.
//
// It is a control server that speaks the real protocol (ts2021), Tailscale's
// API v2, DERP and STUN, an OIDC issuer that stands in for GitHub's, a package
// server and a peer to reach. A real tailscaled logs in to it. It serves the
// demo, every end-to-end test, the benchmark and a user's dry run; so it is
// strict: it refuses what the real one refuses, in the real one's words where
// these are known, and it keeps a list of [Event] that tests read.
//
// Everything is held in memory and ends with [Tailnet.Close].
package localtailnet

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

// A Tailnet is a running tailnet. Start makes one; the fields say where to
// reach it.
type Tailnet struct {
	ControlURL string // control server and API v2: what --login-server takes
	IssuerURL  string // OIDC issuer of the CI job's ID tokens

	PackagesURL string // package server; "" without Options.PackagesDir

	IDTokenRequestURL   string // ACTIONS_ID_TOKEN_REQUEST_URL of a GitHub job
	IDTokenRequestToken string // ACTIONS_ID_TOKEN_REQUEST_TOKEN of a GitHub job

	opts     Options
	id       string // what client IDs of federated identities begin with
	state    *state
	derp     derp
	backend  string  // ControlURL without the added latency
	job      *Issuer // of the CI job's ID tokens
	packages *Packages
	nodes    func() (*Issuer, error) // of the nodes' own ID tokens, at ControlURL
	noise    key.MachinePrivate
	legacy   key.MachinePrivate

	direct    *http.Client      // to our own listeners, without the added latency
	shortcuts map[string]string // from an address with latency to the one without

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	work    sync.WaitGroup // every goroutine that this tailnet started
	closers []func() error
	closed  sync.Once
}

// Start runs a tailnet until ctx ends or Close is called.
func Start(ctx context.Context, opts Options) (*Tailnet, error) {
	t := &Tailnet{
		opts:   opts.withDefaults(),
		id:     newID("T"),
		state:  newState(),
		noise:  key.NewMachine(),
		legacy: key.NewMachine(),

		shortcuts: map[string]string{},
	}
	t.ctx, t.stop = context.WithCancel(ctx)
	t.opts.Logf = t.untilClosed(t.opts.Logf)
	t.direct = t.directClient()
	t.nodes = sync.OnceValues(t.newNodeIssuer) // on demand: its keys take 100 ms
	if err := t.open(); err != nil {
		t.Close()
		return nil, err
	}
	context.AfterFunc(ctx, t.Close)
	return t, nil
}

// open starts the listeners, in the order in which they need each other.
func (t *Tailnet) open() error {
	steps := []struct {
		doing string
		open  func() error
	}{
		{"starting DERP and STUN", t.openDERP},
		{"starting the issuer of ID tokens", t.openIssuer},
		{"starting control", t.openControl},
		{"starting the package server", t.openPackages},
	}
	for _, step := range steps {
		if err := step.open(); err != nil {
			return fmt.Errorf("%s: %w", step.doing, err)
		}
	}
	return nil
}

// Close ends every connection and listener and waits for their goroutines. It
// may be called again.
func (t *Tailnet) Close() {
	t.closed.Do(func() {
		t.stop()
		t.state.stopTimers()
		for _, stop := range t.closers {
			stop()
		}
		t.work.Wait()
	})
}

// untilClosed is logf until the tailnet closes: a peer has goroutines that log
// a little longer, which a test's Logf does not bear.
func (t *Tailnet) untilClosed(logf logger.Logf) logger.Logf {
	return func(format string, args ...any) {
		if t.ctx.Err() == nil {
			logf(format, args...)
		}
	}
}

// onStop runs f when the tailnet closes, unless the returned function is
// called before.
func (t *Tailnet) onStop(f func()) (cancel func() bool) {
	return context.AfterFunc(t.ctx, f)
}
