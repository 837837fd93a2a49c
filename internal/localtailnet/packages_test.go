package localtailnet

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"tailscale.com/clientupdate/distsign"
)

// servePackages serves versions of two small files.
func servePackages(t *testing.T, versions ...string) (p *Packages, base string) {
	t.Helper()
	p, err := NewPackages(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range versions {
		if err := p.Add(smallRelease(t, version)); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, server.URL
}

func smallRelease(t *testing.T, version string) Release {
	t.Helper()
	dir := t.TempDir()
	r := Release{Version: version, Daemon: filepath.Join(dir, "tailscaled"), CLI: filepath.Join(dir, "tailscale")}
	for _, name := range []string{r.Daemon, r.CLI} {
		if err := os.WriteFile(name, []byte(filepath.Base(name)+" "+version), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func get(t *testing.T, address string) (status int, body []byte, err error) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

func mustGet(t *testing.T, address string) []byte {
	t.Helper()
	status, body, err := get(t, address)
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET %s: %d %v: %s", address, status, err, body)
	}
	return body
}

func TestPackages_archiveHoldsBothBinaries(t *testing.T) {
	_, base := servePackages(t, "1.102.5")
	dir := "tailscale_1.102.5_" + runtime.GOARCH
	got := map[string]string{}
	gz, err := gzip.NewReader(bytes.NewReader(mustGet(t, base+"/stable/"+dir+".tgz")))
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(gz); ; {
		header, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		got[header.Name] = string(body)
	}
	want := map[string]string{
		dir + "/tailscaled":                 "tailscaled 1.102.5",
		dir + "/tailscale":                  "tailscale 1.102.5",
		dir + "/systemd/tailscaled.service": "[Unit]\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

func TestPackages_signsTheChainFromItsRoot(t *testing.T) {
	p, base := servePackages(t, "1.102.5")
	archive := base + Release{Version: "1.102.5"}.Path()
	roots, err := distsign.ParseRootKeyBundle(p.RootKey)
	if err != nil {
		t.Fatal(err)
	}
	bundle := mustGet(t, base+"/distsign.pub")
	if !distsign.VerifyAny(roots, bundle, mustGet(t, base+"/distsign.pub.sig")) {
		t.Error("the root did not sign distsign.pub")
	}
	keys, err := distsign.ParseSigningKeyBundle(bundle)
	if err != nil {
		t.Fatal(err)
	}
	content := mustGet(t, archive)
	hash := distsign.NewPackageHash()
	hash.Write(content)
	message := binary.LittleEndian.AppendUint64(hash.Sum(nil), uint64(len(content)))
	if !distsign.VerifyAny(keys, message, mustGet(t, archive+".sig")) {
		t.Error("the signing key did not sign the archive")
	}
	sum := sha256.Sum256(content)
	if got, want := string(mustGet(t, archive+".sha256")), hex.EncodeToString(sum[:]); got != want {
		t.Errorf("got .sha256 %s, want %s", got, want)
	}
}

func TestPackages_index(t *testing.T) {
	_, base := servePackages(t, "1.70.0", "1.70.1", "1.102.4", "1.102.5", "1.103.7")
	tests := map[string]string{
		"/stable/?mode=json":               "1.102.5",
		"/stable/?mode=json&os=linux":      "1.102.5",
		"/stable/?mode=json&v=1.70":        "1.70.1",
		"/stable/?v=1.70.0&mode=json":      "1.70.0",
		"/unstable/?mode=json":             "1.103.7",
		"/stable/?mode=json&v=1.10":        "",
		"/release-candidate/?mode=json":    "",
		"/unstable/?mode=json&v=1.102":     "",
		"/unstable/?mode=json&os=linux&v=": "1.103.7",
	}
	for query, want := range tests {
		_, body, err := get(t, base+query)
		if err != nil {
			t.Fatal(err)
		}
		var index struct {
			TarballsVersion string
			Tarballs        map[string]string
		}
		json.Unmarshal(body, &index) // A 404 is no JSON and no version.
		if index.TarballsVersion != want {
			t.Errorf("%s: got version %q, want %q", query, index.TarballsVersion, want)
		}
		if want != "" && !strings.Contains(index.Tarballs[runtime.GOARCH], "_"+want+"_") {
			t.Errorf("%s: got file %q, want one of %s", query, index.Tarballs[runtime.GOARCH], want)
		}
	}
}

func TestPackages_faults(t *testing.T) {
	p, base := servePackages(t, "1.102.5")
	archive := Release{Version: "1.102.5"}.Path()

	p.Break(archive, Fault{Status: 503, Header: http.Header{"Retry-After": {"1"}}, Body: "<html>", Times: 1})
	if status, body, _ := get(t, base+archive); status != 503 || string(body) != "<html>" {
		t.Errorf("got %d %q, want 503 and a page", status, body)
	}
	if status, _, err := get(t, base+archive); status != 200 || err != nil {
		t.Errorf("after the fault: got %d %v, want 200", status, err)
	}
	p.Break(archive, Fault{CutAfter: 10})
	if _, body, err := get(t, base+archive); len(body) != 10 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut after 10: got %d bytes and %v", len(body), err)
	}
	p.Set(archive+".sig", nil)
	if status, _, _ := get(t, base+archive+".sig"); status != 404 {
		t.Errorf("signature taken away: got %d, want 404", status)
	}
	if got := p.Requests(archive); got != 3 {
		t.Errorf("got %d requests, want 3", got)
	}
}

func TestPackages_bandwidth(t *testing.T) {
	p, base := servePackages(t)
	p.Set("/blob", make([]byte, 1<<20))
	p.Bandwidth.Store(10 << 20)
	start := time.Now()
	mustGet(t, base+"/blob")
	if took := time.Since(start); took < 95*time.Millisecond {
		t.Errorf("1 MiB at 10 MiB/s took %v, want 100 ms", took)
	}
}

func TestPackages_archivesAreKept(t *testing.T) {
	dir := t.TempDir()
	r := smallRelease(t, "1.102.5")
	var times []time.Time
	for range 2 {
		p, err := NewPackages(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Add(r); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, r.Path()))
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, info.ModTime())
	}
	if !times[0].Equal(times[1]) {
		t.Error("the archive was made twice")
	}
}
