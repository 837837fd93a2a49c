//go:build unix

// Package clients has the clouds' own libraries get credentials by tailjoin and
// the token service, from stand-ins of the clouds that verify what they are
// shown.
package clients

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/tailjoin/tailjoin/internal/cli"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"github.com/tailjoin/tailjoin/internal/sts/server"
	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/tailcfg"
)

// The test binary is tailjoin, if it is called so.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "tailjoin" {
		os.Exit(cli.Main(cli.Process{
			Args: os.Args[1:], Environ: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: "test", Self: os.Args[0],
		}))
	}
	os.Exit(m.Run())
}

// program is a directory that has tailjoin.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "tailjoin")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// node is the subject of every token.
const node = "nABC123CNTRL"

// serve runs the token service for one node, which was granted everything.
// Outside of tests the tailnet says who asks.
func serve(t *testing.T, audiences ...string) (url string) {
	t.Helper()
	var handler http.Handler
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(listening.Close)
	c := config.Config{
		Tokens:     config.Tokens{Lifetime: time.Minute, AllowedAudiences: audiences, SubjectClaim: policy.SubjectNodeID, AllowEmptyNodeCapability: true},
		SigningKey: config.SigningKey{Algorithm: "RS256"},
	}
	p, err := c.Policy()
	if err != nil {
		t.Fatal(err)
	}
	keys := &keyring.Keeper{
		Store: &keyring.Memory{}, Algorithms: p.Algorithms(),
		Timing: keyring.Timing{Lifetime: time.Minute, Skew: time.Hour, CacheFor: time.Minute, Refresh: 15 * time.Minute},
	}
	if err := keys.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	handler = server.New(server.Options{
		Issuer: listening.URL, TokenURL: listening.URL + "/token", Policy: p, Keys: keys,
		WhoIs:     func(context.Context, string) (*apitype.WhoIsResponse, error) { return who, nil },
		OnTailnet: func(context.Context) error { return nil },
		Audit:     t.Output(), Log: slog.New(slog.DiscardHandler),
	}).Tailnet()
	return listening.URL
}

var who = &apitype.WhoIsResponse{
	Node: &tailcfg.Node{
		StableID: node, Name: "web-1.tail10ca1.ts.net.", Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.0.7/32")}, Tags: []string{"tag:web"},
	},
	UserProfile: &tailcfg.UserProfile{LoginName: "tagged-devices"},
}

// verified holds a token against the issuer's published keys, as a cloud does.
func verified(ctx context.Context, issuer, audience, token string) error {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return err
	}
	_, err = provider.Verifier(&oidc.Config{ClientID: audience}).Verify(ctx, token)
	return err
}

// keepFresh runs tailjoin in the background, and waits until it has written its
// file. When the test is over it must end as if nothing had happened.
func keepFresh(t *testing.T, args ...string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "token")
	cmd := exec.Command(filepath.Join(program(t), "tailjoin"), append(strings.Fields("token get --id-token-source sts --keep-fresh --file "+file), args...)...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("a signal ended it with %v", err)
		}
	})
	wait(t, file, func() bool { _, err := os.Stat(file); return err == nil })
	return file
}

// wait returns once something holds.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(30 * time.Second); !holds(); <-again.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// sample is what docs/token-service.md shows behind a mark, with its words
// replaced: old, new, old, new.
func sample(t *testing.T, mark string, replace ...string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/token-service.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "<!-- client: "+mark+" -->\n")
	_, rest, opened := strings.Cut(rest, "\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !opened || !closed {
		t.Fatalf("docs/token-service.md shows nothing behind %s", mark)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the sample %s has no %s", mark, replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}
