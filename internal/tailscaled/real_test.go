//go:build linux

package tailscaled

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// What the stand-ins of the other tests claim of a tailscaled is true of a
// real one: how it says its version, and that its tags can be read.
func TestFind_realDaemon(t *testing.T) {
	daemon, err := build.Daemon(t.Context())
	must(t, err)
	dir := filepath.Dir(daemon)

	got := mustFind(t, Install{SearchPath: []string{dir}, Mode: Never})
	if got.Version != build.Version() || got.Full {
		t.Errorf("on the host: got %s, full %v, want %s of the small build", got.Version, got.Full, build.Version())
	}

	// One archive under two names: packing takes longest.
	kept := t.TempDir()
	server, err := localtailnet.NewPackages(kept)
	must(t, err)
	current := release(t, build.Version(), "")
	current.Daemon = daemon
	must(t, server.Add(current))
	archive, err := os.ReadFile(filepath.Join(kept, current.Path()))
	must(t, err)
	must(t, server.AddArchive(localtailnet.Release{Version: "1.98.4"}, archive))
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	in := Install{Mode: Download, Mirror: listener.URL, RootKey: server.RootKey, CacheDir: t.TempDir()}
	if got := mustFind(t, in); got.Version != build.Version() {
		t.Errorf("downloaded: got %s, want %s", got.Version, build.Version())
	}
	in.Version = "1.98.4"
	_, err = in.Find(t.Context())
	wantCode(t, err, "version-mismatch")
}
