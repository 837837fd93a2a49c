//go:build unix

package tailscaled

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// packages serves stand-ins for these versions from a server that listens.
func packages(t *testing.T, versions ...string) (server *localtailnet.Packages, address string) {
	t.Helper()
	server, err := localtailnet.NewPackages(t.TempDir())
	must(t, err)
	for _, version := range versions {
		must(t, server.Add(release(t, version, standIn(version))))
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return server, listener.URL
}

func release(t *testing.T, version, daemon string) localtailnet.Release {
	t.Helper()
	dir := hostWith(t, daemon)
	return localtailnet.Release{Version: version, Daemon: filepath.Join(dir, "tailscaled"), CLI: filepath.Join(dir, "tailscale")}
}

func pathOf(version string) string { return localtailnet.Release{Version: version}.Path() }

// fromMirrorOf asks for 1.98.4, which is no version that anything else has.
func fromMirrorOf(t *testing.T, server *localtailnet.Packages, address string) Install {
	t.Helper()
	return Install{goos: "linux", Version: "1.98.4", Mirror: address, RootKey: server.RootKey, Packages: nowhere(t), CacheDir: t.TempDir()}
}

// nowhere is a package server that must not be asked.
func nowhere(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("Tailscale's package server was asked for %s", r.URL)
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func sumOfArchive(t *testing.T, address, path string) string {
	t.Helper()
	in := Install{}
	body, err := in.server("", address, nil).read(t.Context(), path, largestArchive)
	must(t, err)
	raw := sha256.Sum256(body)
	return hex.EncodeToString(raw[:])
}

func TestFind_downloadsWhatIsNotHere(t *testing.T) {
	server, address := packages(t, "1.70.0", "1.70.1", "1.98.3", "1.98.4", "1.102.5", "1.103.2")
	tests := map[string]struct {
		in   Install
		want string
	}{
		"another version":               {Install{Version: "1.98.4"}, "mirror 1.98.4"},
		"with a v":                      {Install{Version: "v1.98.4"}, "mirror 1.98.4"},
		"the newest patch of a minor":   {Install{Version: "1.70"}, "mirror 1.70.1"},
		"the newest unstable":           {Install{Version: "unstable"}, "mirror 1.103.2"},
		"the newest, which is bundled":  {Install{Version: "latest"}, "bundle 1.102.5"},
		"the newest, on request":        {Install{Version: "latest", Mode: Download}, "mirror 1.102.5"},
		"all features":                  {Install{Full: true}, "mirror 1.102.5"},
		"the bundled one, on request":   {Install{Mode: Download}, "mirror 1.102.5"},
		"not the bundled one otherwise": {Install{Version: "1.102.5"}, "bundle 1.102.5"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := tt.in
			in.goos, in.BundleDir, in.CacheDir = "linux", bundleOf(t, "1.102.5", smallStandIn("1.102.5")), t.TempDir()
			in.Mirror, in.RootKey, in.Packages = address, server.RootKey, nowhere(t)
			got := mustFind(t, in)
			if found := got.Source + " " + got.Version; found != tt.want {
				t.Errorf("got %s, want %s", found, tt.want)
			}
			if want := got.Source == "mirror"; got.Full != want {
				t.Errorf("got full %v, want %v", got.Full, want)
			}
		})
	}
}

// Each index offers a release that is older than the bundled one and rightly
// signed. It is not even fetched.
func TestFind_isNotTakenBackByAnIndex(t *testing.T) {
	tests := map[string]struct {
		in       Install
		versions []string
	}{
		"latest":                   {Install{Version: "latest"}, []string{"1.30.0"}},
		"latest, of the minor":     {Install{Version: "latest"}, []string{"1.102.4"}},
		"latest, on request":       {Install{Version: "latest", Mode: Download}, []string{"1.102.4"}},
		"unstable":                 {Install{Version: "unstable"}, []string{"1.101.9"}},
		"the minor of the bundled": {Install{Version: "1.102", Mode: Download}, []string{"1.102.4"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server, address := packages(t, tt.versions...)
			in := tt.in
			in.goos, in.BundleDir, in.CacheDir = "linux", bundleOf(t, "1.102.5", smallStandIn("1.102.5")), t.TempDir()
			in.Mirror, in.RootKey, in.Packages = address, server.RootKey, emptyServer(t)
			_, err := in.Find(t.Context())
			wantCode(t, err, "version-unknown")
			want := diag.Fact{Name: "mirror", Value: address + " offers " + tt.versions[0] + ", which is older than the bundled 1.102.5"}
			if p, ok := errors.AsType[*diag.Problem](err); ok && !slices.Contains(p.Facts, want) {
				t.Errorf("got facts %q, want %q among them", p.Facts, want)
			}
			if server.Requests(pathOf(tt.versions[0])) != 0 {
				t.Error("the old archive was fetched")
			}
			wantNothingInstalled(t, in.CacheDir)
		})
	}
}

func TestFind_isNotTakenBackByTheCache(t *testing.T) {
	server, address := packages(t, "1.102.4")
	in := Install{goos: "linux", Version: "1.102.4", Mode: Download, CacheDir: t.TempDir(), Mirror: address, RootKey: server.RootKey, Packages: nowhere(t)}
	in.BundleDir = bundleOf(t, "1.102.5", smallStandIn("1.102.5"))
	if got := mustFind(t, in); got.Version != "1.102.4" { // by its full name it may be had
		t.Errorf("got %s, want 1.102.4", got.Version)
	}
	in.Version, in.Packages = "1.102", emptyServer(t)
	_, err := in.Find(t.Context())
	wantCode(t, err, "version-unknown")
}

func TestFind_anotherMinorIsNotComparedWithTheBundledVersion(t *testing.T) {
	server, address := packages(t, "1.10.2")
	in := Install{goos: "linux", Version: "1.10", CacheDir: t.TempDir(), Mirror: address, RootKey: server.RootKey, Packages: nowhere(t)}
	in.BundleDir = bundleOf(t, "1.102.5", smallStandIn("1.102.5"))
	if got := mustFind(t, in); got.Version != "1.10.2" {
		t.Errorf("got %s, want 1.10.2", got.Version)
	}
}

func TestFind_aFailedDownloadSaysWhatAskedForIt(t *testing.T) {
	tests := map[string]struct {
		in         Install
		want, fact string
	}{
		"a flag":            {Install{Full: true, Needs: "ssh"}, "--ssh in args needs a full build", "(for --ssh)"},
		"a driver":          {Install{Full: true}, "the bundled tailscaled will not do", "with all features"},
		"another version":   {Install{Version: "1.98.4"}, "nothing is downloaded", "1.98.4"},
		"install: download": {Install{Mode: Download}, "nothing is downloaded", "tailscaled 1.102.5"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server, address := packages(t)
			for _, version := range []string{"1.98.4", "1.102.5"} {
				server.Break(pathOf(version), localtailnet.Fault{Status: http.StatusForbidden})
			}
			in := tt.in
			in.goos, in.BundleDir, in.CacheDir, in.Packages = "linux", bundleOf(t, "1.102.5", smallStandIn("1.102.5")), t.TempDir(), address
			_, err := in.Find(t.Context())
			wantCode(t, err, "download-failed")
			if p, ok := errors.AsType[*diag.Problem](err); ok && !strings.Contains(p.Hint, tt.want) {
				t.Errorf("got hint %q, want %q in it", p.Hint, tt.want)
			}
			if !strings.Contains(in.wishes(), tt.fact) {
				t.Errorf("wanted %q, want %q in it", in.wishes(), tt.fact)
			}
		})
	}
}

func TestFind_asksNoServerByDefault(t *testing.T) {
	for name, in := range map[string]Install{
		"no wish":             {},
		"the bundled version": {Version: "1.102.5"},
		"the bundled minor":   {Version: "1.102"},
		"the bundle":          {Mode: Bundled},
	} {
		t.Run(name, func(t *testing.T) {
			in.BundleDir, in.CacheDir = bundleOf(t, "1.102.5", smallStandIn("1.102.5")), t.TempDir()
			in.Packages, in.Mirror = nowhere(t), nowhere(t)
			mustFind(t, in)
		})
	}
}

func TestFind_asksAMirrorRatherThanFailWithoutABundle(t *testing.T) {
	server, address := packages(t, ownVersion())
	got := mustFind(t, Install{goos: "linux", Mirror: address, RootKey: server.RootKey, Packages: nowhere(t), CacheDir: t.TempDir()})
	if got.Source != "mirror" || got.Version != ownVersion() {
		t.Errorf("got %s %s, want mirror %s", got.Source, got.Version, ownVersion())
	}
}

func TestFind_goesOnToTailscaleWhenTheMirrorHasNotGotIt(t *testing.T) {
	_, mirror := packages(t)
	_, tailscale := packages(t, "1.98.4")
	in := Install{goos: "linux", Version: "1.98.4", Mirror: mirror, Packages: tailscale, CacheDir: t.TempDir()}
	in.knownSums = map[string]string{filepath.Base(pathOf("1.98.4")): sumOfArchive(t, tailscale, pathOf("1.98.4"))}
	if got := mustFind(t, in); got.Source != "download" {
		t.Errorf("got source %s, want download", got.Source)
	}
}

func TestFind_goesByASumThatIsKnown(t *testing.T) {
	server, address := packages(t, "1.98.4")
	server.Set(pathOf("1.98.4")+".sig", nil) // It is not needed.
	right := sumOfArchive(t, address, pathOf("1.98.4"))
	file := filepath.Base(pathOf("1.98.4"))
	tests := map[string]struct {
		in   Install
		code string // "" is success
	}{
		"the user's":                   {in: Install{SHA256: right}},
		"the user's in capitals":       {in: Install{SHA256: strings.ToUpper(right)}},
		"the table's":                  {in: Install{knownSums: map[string]string{file: right}}},
		"the user's before the table":  {in: Install{SHA256: right, knownSums: map[string]string{file: sum("x")}}},
		"another than the user's":      {in: Install{SHA256: sum("x")}, code: "checksum-mismatch"},
		"another than the table's":     {in: Install{knownSums: map[string]string{file: sum("x")}}, code: "checksum-mismatch"},
		"no sum, and no signature":     {code: "signature-invalid"},
		"a sum of the file beside it":  {in: Install{knownSums: map[string]string{file + ".sha256": right}}, code: "signature-invalid"},
		"a sum for another's platform": {in: Install{knownSums: map[string]string{"tailscale_1.98.4_mips.tgz": right}}, code: "signature-invalid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := tt.in
			in.goos, in.Version, in.Packages, in.CacheDir = "linux", "1.98.4", address, t.TempDir()
			if tt.code == "" {
				mustFind(t, in)
				return
			}
			_, err := in.Find(t.Context())
			wantCode(t, err, tt.code)
			wantNothingInstalled(t, in.CacheDir)
		})
	}
}

func TestFind_aSumOfTheUsersMeansThatArchive(t *testing.T) {
	_, address := packages(t, "1.102.5")
	in := Install{
		goos: "linux", SHA256: sumOfArchive(t, address, pathOf("1.102.5")), Packages: address, CacheDir: t.TempDir(),
		BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5")), SearchPath: []string{hostWith(t, standIn("1.102.5"))},
	}
	if got := mustFind(t, in); got.Source != "download" {
		t.Errorf("got source %s, want download", got.Source)
	}
}

func TestFind_refusals(t *testing.T) {
	other, _ := packages(t)
	archive := func(entries ...localtailnet.Entry) func(*testing.T, *localtailnet.Packages) {
		return func(t *testing.T, p *localtailnet.Packages) {
			content, err := localtailnet.Archive(entries...)
			must(t, err)
			must(t, p.AddArchive(localtailnet.Release{Version: "1.98.4"}, content))
		}
	}
	set := func(path, content string) func(*testing.T, *localtailnet.Packages) {
		return func(_ *testing.T, p *localtailnet.Packages) { p.Set(path, []byte(content)) }
	}
	fault := func(path string, f localtailnet.Fault) func(*testing.T, *localtailnet.Packages) {
		return func(_ *testing.T, p *localtailnet.Packages) { p.Break(path, f) }
	}
	daemon, cli := localtailnet.File("t/tailscaled", standIn("1.98.4")), localtailnet.File("t/tailscale", standIn("1.98.4"))
	path := pathOf("1.98.4")

	tests := map[string]struct {
		spoil  func(*testing.T, *localtailnet.Packages)
		change func(*Install)
		code   string
	}{
		"a signature of another file":     {spoil: func(t *testing.T, p *localtailnet.Packages) { copySig(t, p, "1.98.4", "1.98.3") }, code: "signature-invalid"},
		"a signature of zeros":            {spoil: set(path+".sig", strings.Repeat("\x00", 64)), code: "signature-invalid"},
		"a signature that is too short":   {spoil: set(path+".sig", "short"), code: "signature-invalid"},
		"an empty signature":              {spoil: set(path+".sig", ""), code: "signature-invalid"},
		"no signature":                    {spoil: func(_ *testing.T, p *localtailnet.Packages) { p.Set(path+".sig", nil) }, code: "signature-invalid"},
		"no signing keys":                 {spoil: func(_ *testing.T, p *localtailnet.Packages) { p.Set("/distsign.pub", nil) }, code: "signature-invalid"},
		"signing keys that are garbage":   {spoil: set("/distsign.pub", "garbage"), code: "signature-invalid"},
		"signing keys the root never saw": {spoil: set("/distsign.pub.sig", strings.Repeat("\x00", 64)), code: "signature-invalid"},
		"another root":                    {change: func(in *Install) { in.RootKey = other.RootKey }, code: "signature-invalid"},
		"Tailscale's root for the mirror": {change: func(in *Install) { in.RootKey = nil }, code: "signature-invalid"},
		"another archive":                 {spoil: set(path, "not the archive"), code: "signature-invalid"},
		"another version inside": {spoil: func(t *testing.T, p *localtailnet.Packages) {
			must(t, p.Add(release(t, "1.98.4", standIn("1.70.0"))))
		}, code: "version-mismatch"},

		"a daemon that does not run": {spoil: func(t *testing.T, p *localtailnet.Packages) {
			must(t, p.Add(release(t, "1.98.4", "no program")))
		}, code: "not-runnable"},

		"a path that leads out":         {spoil: archive(daemon, cli, localtailnet.File("../tailscaled.service", "x")), code: "archive-odd"},
		"an absolute path":              {spoil: archive(daemon, cli, localtailnet.File("/etc/cron.d/x", "x")), code: "archive-odd"},
		"a symbolic link":               {spoil: archive(daemon, cli, localtailnet.Symlink("t/x", "/etc/passwd")), code: "archive-odd"},
		"tailscaled as a symbolic link": {spoil: archive(localtailnet.Symlink("t/tailscaled", "/bin/sh"), cli), code: "archive-odd"},
		"a hard link":                   {spoil: archive(daemon, cli, localtailnet.Entry{Header: tar.Header{Name: "t/x", Linkname: "/etc/passwd", Typeflag: tar.TypeLink}}), code: "archive-odd"},
		"a device":                      {spoil: archive(daemon, cli, localtailnet.Entry{Header: tar.Header{Name: "t/null", Typeflag: tar.TypeChar}}), code: "archive-odd"},
		"two tailscaled":                {spoil: archive(daemon, cli, localtailnet.File("u/tailscaled", standIn("6.6.6"))), code: "archive-odd"},
		"no tailscale":                  {spoil: archive(daemon), code: "archive-odd"},
		"no tailscaled":                 {spoil: archive(cli), code: "archive-odd"},
		"nothing":                       {spoil: archive(), code: "archive-odd"},
		"a file that is too large": {spoil: func(t *testing.T, p *localtailnet.Packages) {
			must(t, p.AddArchive(localtailnet.Release{Version: "1.98.4"}, tooLarge(t)))
		}, code: "archive-odd"},
		"more entries than there can be": {spoil: archive(many(daemon, cli)...), code: "archive-odd"},
		"not an archive, but signed": {spoil: func(t *testing.T, p *localtailnet.Packages) {
			must(t, p.AddArchive(localtailnet.Release{Version: "1.98.4"}, []byte("signed text")))
		}, code: "archive-odd"},

		"a version that nobody has":  {change: func(in *Install) { in.Version = "1.97.9" }, code: "version-unknown"},
		"a track that nobody has":    {change: func(in *Install) { in.Version = "unstable" }, code: "version-unknown"},
		"a minor that nobody has":    {change: func(in *Install) { in.Version = "1.96" }, code: "version-unknown"},
		"another platform":           {change: func(in *Install) { in.goarch = "s390x" }, code: "version-unknown"},
		"macOS":                      {change: func(in *Install) { in.goos = "darwin" }, code: "install-unsupported"},
		"a forbidden archive":        {spoil: fault(path, localtailnet.Fault{Status: 403}), code: "download-failed"},
		"a server that fails":        {spoil: fault(path, localtailnet.Fault{Status: 500, Body: "failed"}), code: "download-failed"},
		"a signature that fails":     {spoil: fault(path+".sig", localtailnet.Fault{Status: 502}), code: "download-failed"},
		"a proxy's page, status 200": {spoil: func(_ *testing.T, p *localtailnet.Packages) { p.Break(path, page) }, code: "download-failed"},
		"cut in the middle":          {spoil: fault(path, localtailnet.Fault{CutAfter: 100}), code: "download-failed"},
		"nobody listens":             {change: func(in *Install) { in.Mirror = "http://127.0.0.1:1" }, code: "download-failed"},
		"a list that is no JSON": {spoil: set("/stable/", "x"), change: func(in *Install) {
			in.Version, in.Mirror = "latest", in.Mirror+"/distsign.pub#"
		}, code: "download-failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, address := packages(t, "1.98.3", "1.98.4")
			in := fromMirrorOf(t, server, address)
			in.Packages = emptyServer(t)
			if tt.spoil != nil {
				tt.spoil(t, server)
			}
			if tt.change != nil {
				tt.change(&in)
			}
			// So short that what is tried again is tried twice or thrice.
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := in.Find(ctx)
			wantCode(t, err, tt.code)
			wantNothingInstalled(t, in.CacheDir)
		})
	}
}

// page is what a captive portal answers to everything.
var page = localtailnet.Fault{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>log in</html>"}

func many(entries ...localtailnet.Entry) []localtailnet.Entry {
	for range mostEntries {
		entries = append(entries, localtailnet.File("t/readme", ""))
	}
	return entries
}

// tooLarge is an archive that announces a file larger than any tailscaled.
func tooLarge(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	must(t, tar.NewWriter(gz).WriteHeader(&tar.Header{Name: "t/tailscaled", Size: largestFile + 1, Typeflag: tar.TypeReg}), gz.Close())
	return b.Bytes()
}

func emptyServer(t *testing.T) string {
	t.Helper()
	_, address := packages(t)
	return address
}

// copySig serves the signature of one version as that of another.
func copySig(t *testing.T, p *localtailnet.Packages, to, from string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	p.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, pathOf(from)+".sig", nil))
	p.Set(pathOf(to)+".sig", recorder.Body.Bytes())
}

func TestFind_refusesASignedArchiveOfTheRightSizeThatWasChanged(t *testing.T) {
	server, address := packages(t, "1.98.4")
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, pathOf("1.98.4"), nil))
	content := recorder.Body.Bytes()
	content[len(content)-9] ^= 1 // before the CRC of gzip: unpacking sees nothing, or little
	server.Set(pathOf("1.98.4"), content)
	in := fromMirrorOf(t, server, address)
	_, err := in.Find(t.Context())
	wantCode(t, err, "signature-invalid")
	wantNothingInstalled(t, in.CacheDir)
}

func TestFind_triesAgainWhatMayPass(t *testing.T) {
	path := pathOf("1.98.4")
	tests := map[string]struct {
		path  string
		fault localtailnet.Fault
	}{
		"a cut":             {path, localtailnet.Fault{CutAfter: 50, Times: 1}},
		"503":               {path, localtailnet.Fault{Status: 503, Times: 1}},
		"429":               {path, localtailnet.Fault{Status: 429, Times: 1}},
		"a signature's 502": {path + ".sig", localtailnet.Fault{Status: 502, Times: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, address := packages(t, "1.98.4")
			server.Break(tt.path, tt.fault)
			mustFind(t, fromMirrorOf(t, server, address))
			if got := server.Requests(tt.path); got != 2 {
				t.Errorf("got %d requests, want 2", got)
			}
		})
	}
}

func TestFind_waitsAsLongAsTheServerAsks(t *testing.T) {
	server, address := packages(t, "1.98.4")
	server.Break(pathOf("1.98.4"), localtailnet.Fault{Status: 429, Header: http.Header{"Retry-After": {"1"}}, Times: 1})
	start := time.Now()
	mustFind(t, fromMirrorOf(t, server, address))
	if took := time.Since(start); took < time.Second {
		t.Errorf("asked again after %v, want a second", took)
	}
}

func TestFind_asksOnceWhatDoesNotChange(t *testing.T) {
	for _, status := range []int{400, 401, 403, 410} {
		server, address := packages(t, "1.98.4")
		server.Break(pathOf("1.98.4"), localtailnet.Fault{Status: status})
		_, err := fromMirrorOf(t, server, address).Find(t.Context())
		wantCode(t, err, "download-failed")
		if got := server.Requests(pathOf("1.98.4")); got != 1 {
			t.Errorf("status %d: got %d requests, want 1", status, got)
		}
	}
}

func TestFind_endsATransferThatStandsStill(t *testing.T) {
	server, _ := packages(t, "1.98.4")
	release := make(chan struct{})
	var once sync.Once
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		silent := false
		if r.URL.Path == pathOf("1.98.4") {
			once.Do(func() { silent = true })
		}
		if silent {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte("some bytes"))
			http.NewResponseController(w).Flush()
			<-release
			return
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(listener.Close)
	t.Cleanup(func() { close(release) })
	in := fromMirrorOf(t, server, listener.URL)
	in.silence = 50 * time.Millisecond
	mustFind(t, in) // at the second attempt
}

func TestFind_cancelInTheMiddleLeavesNoFile(t *testing.T) {
	server, address := packages(t)
	content, err := localtailnet.Archive(localtailnet.File("t/tailscaled", strings.Repeat("x", 1<<20)))
	must(t, err)
	must(t, server.AddArchive(localtailnet.Release{Version: "1.98.4"}, append(content, make([]byte, 1<<20)...)))
	server.Bandwidth.Store(1 << 20)
	in := fromMirrorOf(t, server, address)

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for {
			// The transfer has begun once a scratch directory has something.
			if begun, _ := filepath.Glob(filepath.Join(in.CacheDir, "tailscaled", ".unpack-*", "*")); len(begun) > 0 {
				return
			}
			if t.Context().Err() != nil {
				return
			}
			runtime.Gosched()
		}
	}()
	start := time.Now()
	if _, err := in.Find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("the cancel took %v", took)
	}
	wantNothingInstalled(t, in.CacheDir)
}

func TestFind_keepsWhatItDownloaded(t *testing.T) {
	server, address := packages(t, "1.70.0", "1.70.1")
	in := fromMirrorOf(t, server, address)
	for _, version := range []string{"1.70.0", "1.70.1"} {
		in.Version = version
		mustFind(t, in)
	}
	requests := server.Requests(pathOf("1.70.1")) + server.Requests("/distsign.pub")
	for asked, want := range map[string]string{"1.70.0": "cache 1.70.0", "1.70.1": "cache 1.70.1", "1.70": "cache 1.70.1"} {
		in.Version = asked
		got := mustFind(t, in)
		if found := got.Source + " " + got.Version; found != want || !got.Full {
			t.Errorf("asked for %s: got %s, full %v, want %s", asked, found, got.Full, want)
		}
	}
	if after := server.Requests(pathOf("1.70.1")) + server.Requests("/distsign.pub"); after != requests {
		t.Errorf("the server was asked %d times more", after-requests)
	}
}

func TestFind_keepsWhatHasAKnownSum(t *testing.T) {
	server, address := packages(t, "1.98.4")
	in := Install{goos: "linux", Version: "1.98.4", SHA256: sumOfArchive(t, address, pathOf("1.98.4")), Packages: address, CacheDir: t.TempDir()}
	mustFind(t, in)
	if got := mustFind(t, in); got.Source != "cache" {
		t.Errorf("got source %s, want cache", got.Source)
	}
	// Without the sum there is no proof of what was kept.
	in.SHA256, in.Mirror, in.RootKey = "", address, server.RootKey
	if got := mustFind(t, in); got.Source != "mirror" {
		t.Errorf("without the sum: got source %s, want mirror", got.Source)
	}
}

func TestFind_trustsNothingInTheCacheOfDownloads(t *testing.T) {
	entry := func(in Install, name string) string { return filepath.Join(in.entry("1.98.4", ""), name) }
	kept := func(in Install, name string) string { return filepath.Join(in.packages(), filepath.FromSlash(name)) }
	archive := pathOf("1.98.4")
	tests := map[string]struct {
		change func(t *testing.T, in Install)
		want   string
	}{
		"another tailscaled": {func(t *testing.T, in Install) { write(t, entry(in, "tailscaled"), standIn("6.6.6")) }, "cache"},
		"another tailscale":  {func(t *testing.T, in Install) { write(t, entry(in, "tailscale"), standIn("6.6.6")) }, "cache"},
		"a flipped byte":     {func(t *testing.T, in Install) { flip(t, kept(in, archive)) }, "mirror"},
		"half an archive":    {func(t *testing.T, in Install) { must(t, os.Truncate(kept(in, archive), 99)) }, "mirror"},
		"another signature":  {func(t *testing.T, in Install) { flip(t, kept(in, archive+".sig")) }, "mirror"},
		"no signature":       {func(t *testing.T, in Install) { must(t, os.Remove(kept(in, archive+".sig"))) }, "mirror"},
		"other keys":         {func(t *testing.T, in Install) { write(t, kept(in, "distsign.pub"), "x") }, "mirror"},
		"a directory": {func(t *testing.T, in Install) {
			must(t, os.Remove(kept(in, archive)), os.Mkdir(kept(in, archive), 0o755))
		}, "mirror"},
		"an older archive, signed": {func(t *testing.T, in Install) { older(t, in, kept) }, "mirror"},
		"an archive that is a pipe": {func(t *testing.T, in Install) {
			must(t, os.Remove(kept(in, archive)), syscall.Mkfifo(kept(in, archive), 0o644))
		}, "mirror"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server, address := packages(t, "1.98.3", "1.98.4")
			in := fromMirrorOf(t, server, address)
			mustFind(t, in)
			tt.change(t, in)
			got := mustFind(t, in)
			if got.Source != tt.want {
				t.Errorf("got source %s, want %s", got.Source, tt.want)
			}
			for _, program := range []string{got.Daemon, got.CLI} {
				if content, err := os.ReadFile(program); err != nil || strings.Contains(string(content), "6.6.6") {
					t.Errorf("%s is not from the archive: %v", program, err)
				}
			}
		})
	}
}

// older puts a signed archive of an older version under the name of the newer.
func older(t *testing.T, in Install, kept func(Install, string) string) {
	t.Helper()
	in.Version = "1.98.3"
	mustFind(t, in)
	for _, end := range []string{"", ".sig"} {
		must(t, os.Rename(kept(in, pathOf("1.98.3")+end), kept(in, pathOf("1.98.4")+end)))
	}
}

func TestFind_twoDownloadsAtOnce(t *testing.T) {
	server, address := packages(t, "1.98.4")
	in := fromMirrorOf(t, server, address)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			b, err := in.Find(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if said, err := askVersion(t.Context(), b.Daemon, nil); said != "1.98.4" {
				t.Errorf("got version %q, %v", said, err)
			}
		})
	}
	wg.Wait()
}

func TestFind_macOSHasOnlyTheBundle(t *testing.T) {
	server, address := packages(t, "1.98.4", "1.102.5")
	dir := bundleFor(t, "1.102.5", smallStandIn("1.102.5"), "darwin-arm64")
	in := Install{BundleDir: dir, CacheDir: t.TempDir(), Mirror: address, RootKey: server.RootKey, goos: "darwin", goarch: "arm64"}

	for _, version := range []string{"", "1.102.5", "latest"} {
		in.Version = version
		if got := mustFind(t, in); got.Version != "1.102.5" {
			t.Errorf("version %q: got %s, want 1.102.5", version, got.Version)
		}
	}
	in.Version = "1.98.4"
	_, err := in.Find(t.Context())
	wantCode(t, err, "install-unsupported")
	p, _ := errors.AsType[*diag.Problem](err)
	if want := (diag.Fact{Name: "bundled", Value: "1.102.5"}); p.Facts[1] != want {
		t.Errorf("got facts %q, want %q among them", p.Facts, want)
	}
}
