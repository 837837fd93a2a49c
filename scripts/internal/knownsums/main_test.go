package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// serve publishes releases whose archives are their own names.
func serve(t *testing.T, releases ...localtailnet.Release) (*localtailnet.Packages, tailscaled.Install) {
	t.Helper()
	server, err := localtailnet.NewPackages(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range releases {
		if err := server.AddArchive(r, []byte(r.Path())); err != nil {
			t.Fatal(err)
		}
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return server, tailscaled.Install{Mirror: listener.URL, RootKey: server.RootKey, CacheDir: t.TempDir()}
}

func sumOf(r localtailnet.Release) string {
	sum := sha256.Sum256([]byte(r.Path()))
	return hex.EncodeToString(sum[:])
}

func tableIn(t *testing.T, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "known.json")
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

var (
	old   = localtailnet.Release{Version: "1.98.4", Arch: "amd64"}
	amd64 = localtailnet.Release{Version: "1.102.5", Arch: "amd64"}
	arm64 = localtailnet.Release{Version: "1.102.5", Arch: "arm64"}
	mips  = localtailnet.Release{Version: "1.102.5", Arch: "mips"}
)

func TestUpdate_addsWhatIsSigned(t *testing.T) {
	_, in := serve(t, old, amd64, arm64, mips)
	file := tableIn(t, `{"1.70.0": {"tailscale_1.70.0_amd64.tgz": "kept"}}`)
	for _, versions := range [][]string{nil, {"1.98.4"}, {"1.102.5"}} {
		if err := update(t.Context(), in, file, versions); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got table
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := table{
		"1.70.0":  {"tailscale_1.70.0_amd64.tgz": "kept"},
		"1.98.4":  {"tailscale_1.98.4_amd64.tgz": sumOf(old)},
		"1.102.5": {"tailscale_1.102.5_amd64.tgz": sumOf(amd64), "tailscale_1.102.5_arm64.tgz": sumOf(arm64)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestUpdate_writesNothingThatIsNotSigned(t *testing.T) {
	server, in := serve(t, amd64, arm64)
	server.Set(arm64.Path()+".sig", make([]byte, 64))
	file := tableIn(t, "{}")
	err := update(t.Context(), in, file, nil)
	if p, ok := errors.AsType[*diag.Problem](err); !ok || p.Code != "signature-invalid" {
		t.Errorf("got error %v, want signature-invalid", err)
	}
	if data, err := os.ReadFile(file); string(data) != "{}" || err != nil {
		t.Errorf("the table is now %s, %v", data, err)
	}
}

func TestUpdate_refusesAPackageThatChanged(t *testing.T) {
	_, in := serve(t, amd64)
	file := tableIn(t, `{"1.102.5": {"tailscale_1.102.5_amd64.tgz": "another"}}`)
	if err := update(t.Context(), in, file, nil); err == nil || !strings.Contains(err.Error(), "the table says another") {
		t.Errorf("got error %v, want one that names both sums", err)
	}
}
