package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/server"
	"tailscale.com/client/tailscale/apitype"
)

// One request for a token, without HTTP, of a node that the service knows. To
// see where the time goes: go test -bench Token -cpuprofile FILE. `make
// bench-sts` measures the program.
func BenchmarkToken(b *testing.B) {
	keys := &keyring.Keeper{
		Store: &keyring.Memory{}, Algorithms: []string{"ES256"},
		Timing: keyring.Timing{Lifetime: time.Hour, Skew: time.Minute, CacheFor: 5 * time.Minute, Refresh: 10 * time.Second},
	}
	if err := keys.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	tailnet := server.New(server.Options{
		Issuer: "https://sts.example.ts.net", Policy: allowing(b, "ES256", api), Keys: keys, Audit: io.Discard,
		Log:   slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now:   func() time.Time { return now },
		WhoIs: func(context.Context, string) (*apitype.WhoIsResponse, error) { return web(), nil },
		Rate:  1 << 30, Burst: 1 << 30,
	}).Tailnet()
	r, err := http.NewRequest("POST", "https://sts.example.ts.net/token?resource="+api, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.RemoteAddr = "100.64.0.7:1000"
	r.Header.Set("X-Tsiam", "1")
	b.ReportAllocs()
	for b.Loop() {
		w := answer{header: http.Header{}}
		if tailnet.ServeHTTP(&w, r); w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
}

// An answer is written to nobody.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }
