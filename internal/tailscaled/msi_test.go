//go:build unix

package tailscaled

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
)

func TestFormat_windowsIsAnMSI(t *testing.T) {
	in := Install{goos: "windows", goarch: "amd64"}
	f, err := in.format()
	if err != nil {
		t.Fatal(err)
	}
	for arch, want := range map[string]string{
		"amd64": "/stable/tailscale-setup-1.102.5-amd64.msi",
		"arm64": "/stable/tailscale-setup-1.102.5-arm64.msi",
		"386":   "/stable/tailscale-setup-1.102.5-x86.msi",
	} {
		if got := f.path("1.102.5", arch); got != want {
			t.Errorf("%s: got %s, want %s", arch, got, want)
		}
	}
	if got, want := f.path("1.103.2", "amd64"), "/unstable/tailscale-setup-1.103.2-amd64.msi"; got != want {
		t.Errorf("unstable: got %s, want %s", got, want)
	}
}

func TestMayDownload_notByDefault(t *testing.T) {
	for _, goos := range []string{"windows", "linux", "darwin"} {
		for _, mode := range []Mode{Auto, Bundled, Never} {
			if (Install{goos: goos, Mode: mode}).mayDownload() {
				t.Errorf("%s: install: %s may download", goos, mode)
			}
		}
		if got := (Install{goos: goos, Interface: WantTUN}).mayDownload(); got != (goos == "windows") {
			t.Errorf("%s: a network interface may be downloaded: %v", goos, got)
		}
	}
}

const (
	productOfMSI = "{01234567-89AB-CDEF-0123-456789ABCDEF}"
	fatalLog     = `Action start 20:11:02: InstallFiles.
MSI (s) (A4:2C) [20:11:03:515]: Executing op: ServiceControl(,Name=Tailscale,Action=1,Wait=1,)
MSI (s) (A4:2C) [20:11:33:515]: Product: Tailscale -- Error 1920. Service 'Tailscale' (Tailscale) failed to start.  Verify that you have sufficient privileges to start system services.

CustomAction  returned actual error code 1603
Action ended 20:11:33: InstallExecute. Return value 3.
MSI (s) (A4:2C) [20:11:33:520]: User policy value 'DisableRollback' is 0
Action ended 20:11:34: INSTALL. Return value 3.
Property(S): UpgradeCode = {FFFFFFFF-0000-0000-0000-000000000000}
MSI (c) (10:18) [20:11:34:600]: MainEngineThread is returning 1603
`
)

// A fakeInstaller is a Windows machine, on which msiexec ends as it is told.
type fakeInstaller struct {
	t          *testing.T
	found      string // of a Tailscale
	service    string // the state of its service after an uninstall
	user       bool   // no administrator
	unsigned   bool
	version    string // of what its MSI installs; "" is 1.102.5
	statuses   []int  // of each msiexec
	publisher  string
	runs       []string
	programDir string
	dataDir    string
	notesDir   string
	session    string
	installing []int // processes that install for another join
	notes      []string
}

func newFakeInstaller(t *testing.T) *fakeInstaller {
	t.Helper()
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "Program Files"), 0o700))
	return &fakeInstaller{
		t: t, publisher: publisher, session: filepath.Join(dir, "session"),
		programDir: filepath.Join(dir, "Program Files/Tailscale"), dataDir: filepath.Join(dir, "ProgramData/Tailscale"), notesDir: filepath.Join(dir, "Program Files/tailjoin"),
	}
}

func (f *fakeInstaller) installer() *installer {
	return &installer{
		verify: func(string) error {
			if f.unsigned {
				return errors.New("no signature")
			}
			return nil
		},
		productOf:   func(string) (string, error) { return productOfMSI, nil },
		publisherOf: func(string) string { return f.publisher },
		run:         f.run,
		programs:    func() string { return f.programDir },
		data:        func() string { return f.dataDir },
		notes:       func() string { return f.notesDir },
		installing:  func(int) []int { return f.installing },
		service:     func() string { return cmp.Or(f.service, noService) },

		tailscale:       func(context.Context) string { return f.found },
		isAdministrator: func() bool { return !f.user },
	}
}

func (f *fakeInstaller) run(_ context.Context, words ...string) error {
	status := 0
	if len(f.runs) < len(f.statuses) {
		status = f.statuses[len(f.runs)]
	}
	if words[0] == "/i" {
		words[1] = filepath.Base(words[1])
	}
	f.runs = append(f.runs, strings.Join(words, " "))
	switch {
	case status == statusBusy:
		return &retry.Later{Err: &msiError{status: status}}
	case status != 0:
		return &msiError{status, failureIn(fatalLog)}
	}
	for _, name := range []string{"tailscaled.exe", "tailscale.exe"} {
		write(f.t, filepath.Join(f.programDir, name), standIn(cmp.Or(f.version, "1.102.5")))
	}
	write(f.t, filepath.Join(f.dataDir, "server-state.conf"), "{}")
	return nil
}

// install is a join on that machine, from a package server whose archive is known by its sum.
func (f *fakeInstaller) install(in Install) (Binary, error) {
	f.t.Helper()
	const msi = "an MSI"
	const name = "tailscale-setup-1.102.5-amd64.msi"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stable/"+name {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		io.WriteString(w, msi)
	}))
	f.t.Cleanup(server.Close)
	in.goos, in.goarch, in.Packages, in.CacheDir = "windows", "amd64", server.URL, f.t.TempDir()
	in.BundleDir = bundleFor(f.t, "1.102.5", smallStandIn("1.102.5"), "windows-amd64")
	in.knownSums = map[string]string{name: sum(msi)}
	in.msi, in.SessionDir = f.installer(), f.session
	in.Installing = func(product string) error {
		f.notes = append(f.notes, product)
		return nil
	}
	return in.Find(f.t.Context())
}

const installedBy = "/i received.msi TS_NOLAUNCH=1"

func TestFind_installsTheMSI(t *testing.T) {
	f := newFakeInstaller(t)
	got, err := f.install(Install{Interface: WantTUN})
	want := Binary{
		Daemon: filepath.Join(f.programDir, "tailscaled.exe"), CLI: filepath.Join(f.programDir, "tailscale.exe"),
		Version: "1.102.5", Source: "download", Full: true, Service: true,
	}
	if diff := gocmp.Diff(want, got, withoutFile); diff != "" || err != nil {
		t.Errorf("%v, binary (-want +got):\n%s", err, diff)
	}
	wantList(t, "runs of msiexec", f.runs, installedBy)
	wantList(t, "notes", f.notes, productOfMSI)
}

func wantList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Until the other installation is done nothing was installed that a leave could remove.
func TestFind_waitsForAnotherInstallation(t *testing.T) {
	f := newFakeInstaller(t)
	f.statuses = []int{statusBusy, statusBusy, 0}
	if _, err := f.install(Install{Interface: WantTUN}); err != nil {
		t.Fatal(err)
	}
	wantList(t, "runs of msiexec", f.runs, installedBy, installedBy, installedBy)
	wantList(t, "notes", f.notes, productOfMSI, "", productOfMSI, "", productOfMSI)
}

// The name of an MSI is not signed: an older one, whose holes are known, can have any.
func TestFind_refusesAnMSIOfAnotherVersion(t *testing.T) {
	f := newFakeInstaller(t)
	f.version = "1.98.0"
	_, err := f.install(Install{Interface: WantTUN})
	wantCode(t, err, "version-mismatch")
	f.wantNoted(f.session) // for a leave to uninstall
}

func TestFind_runsNoMSI(t *testing.T) {
	tests := map[string]struct {
		in      Install
		machine fakeInstaller
		reason  string // of a NoInterfaceError; "" is a Problem
		code    string
	}{
		"where there was a Tailscale": {
			Install{Interface: WantTUN}, fakeInstaller{found: "there is a service"}, "there is a service, and tailjoin never replaces", "",
		},
		"where there was a Tailscale, for another version": {
			Install{Version: "1.102.5", Mode: Download}, fakeInstaller{found: "there is a service"}, "there is a service, and", "",
		},
		"as a user":                     {Install{Interface: WantTUN}, fakeInstaller{user: true}, "not run as an administrator", ""},
		"for userspace":                 {Install{Interface: WantUserspace, Mode: Download}, fakeInstaller{}, "", "input-invalid"},
		"for a feature in userspace":    {Install{Interface: WantUserspace, Full: true}, fakeInstaller{}, "", "input-invalid"},
		"of another publisher":          {Install{Interface: WantTUN}, fakeInstaller{unsigned: true}, "", "signature-invalid"},
		"if the user wants the bundle":  {Install{Interface: WantTUN, Mode: Bundled, Version: "1.98"}, fakeInstaller{}, "", "bundle-missing"},
		"if the user wants the machine": {Install{Interface: WantTUN, Mode: Never}, fakeInstaller{}, "", "not-installed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := newFakeInstaller(t)
			m.found, m.user, m.unsigned = tt.machine.found, tt.machine.user, tt.machine.unsigned
			_, err := m.install(tt.in)
			refused, ok := errors.AsType[*NoInterfaceError](err)
			if ok != (tt.reason != "") || ok && !strings.Contains(refused.Reason, tt.reason) {
				t.Errorf("got error %v, want %q", err, tt.reason)
			}
			if tt.code != "" {
				wantCode(t, err, tt.code)
			}
			wantList(t, "runs of msiexec", m.runs)
			wantList(t, "notes", m.notes)
		})
	}
}

func TestFind_runsNoMSIByDefault(t *testing.T) {
	for _, wish := range []Wish{Any, WantUserspace} {
		f := newFakeInstaller(t)
		got, err := f.install(Install{Interface: wish})
		if err != nil || got.Source != "bundle" || got.Service {
			t.Errorf("wish %d: got %+v, %v, want the bundle", wish, got, err)
		}
	}
}

func TestFind_saysWhyAnMSIFailed(t *testing.T) {
	for status, want := range map[int][]string{
		1603: {"exit status 1603, a fatal error", "Service 'Tailscale' (Tailscale) failed to start"},
		1625: {"exit status 1625, a policy", "ask the machine's administrator"},
		1700: {"exit status 1700", "the log says what failed"},
	} {
		f := newFakeInstaller(t)
		f.statuses = []int{status}
		_, err := f.install(Install{Interface: WantTUN})
		wantCode(t, err, "install-failed")
		p, _ := errors.AsType[*diag.Problem](err)
		for _, part := range want {
			if !strings.Contains(p.Text(), part) {
				t.Errorf("%d: %q is not in\n%s", status, part, p.Text())
			}
		}
		wantList(t, "notes", f.notes, productOfMSI) // half of it may be there
	}
}

func TestFailureIn_endsAtTheFirstActionThatFailed(t *testing.T) {
	got := failureIn(fatalLog)
	if !strings.HasSuffix(got, "InstallExecute. Return value 3.") || strings.Contains(got, "Property(S)") || strings.Count(got, "\n") >= logLines {
		t.Errorf("got\n%s", got)
	}
	if got := failureIn("a\n\nb\n"); got != "a\nb" {
		t.Errorf("without a failure: got %q", got)
	}
}

func TestDecode_readsWhatWindowsWrites(t *testing.T) {
	log := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune("Fehler: ü 😀\r\n")) {
		log = append(log, byte(unit), byte(unit>>8))
	}
	for name, raw := range map[string][]byte{"UTF-16": log, "plain": []byte("Fehler: ü 😀\r\n"), "odd": append(log, 0)} {
		if got := decode(raw); got != "Fehler: ü 😀\r\n" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestUninstall(t *testing.T) {
	tests := map[string]struct {
		code     string
		machine  fakeInstaller
		wantErr  string
		wantRuns int
		left     bool // programs and data
	}{
		"what was installed":          {productOfMSI, fakeInstaller{publisher: publisher}, "", 1, false},
		"after another installation":  {productOfMSI, fakeInstaller{publisher: publisher, statuses: []int{statusBusy, 0}}, "", 2, false},
		"what never was installed":    {productOfMSI, fakeInstaller{statuses: []int{statusUnknown}}, "", 1, false},
		"what cannot be uninstalled":  {productOfMSI, fakeInstaller{publisher: publisher, statuses: []int{1603}}, "exit status 1603", 1, true},
		"not the data of another":     {productOfMSI, fakeInstaller{service: "running", statuses: []int{statusUnknown}}, "", 1, true},
		"not another program":         {productOfMSI, fakeInstaller{publisher: "Contoso"}, "is of Contoso", 0, true},
		"not a path":                  {`C:\evil.msi`, fakeInstaller{publisher: publisher}, "not a product code", 0, true},
		"not a product and arguments": {productOfMSI + " EVIL=1", fakeInstaller{publisher: publisher}, "not a product code", 0, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFakeInstaller(t)
			f.publisher, f.statuses, f.service = tt.machine.publisher, tt.machine.statuses, tt.machine.service
			write(t, filepath.Join(f.dataDir, "server-state.conf"), "{}")
			write(t, filepath.Join(f.programDir, "tailscaled.exe"), "in use when it was to be removed")
			err := f.uninstall(tt.code)
			if (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("got error %v, want %q", err, tt.wantErr)
			}
			if len(f.runs) != tt.wantRuns || tt.wantRuns > 0 && f.runs[0] != "/x "+tt.code {
				t.Errorf("runs of msiexec: %q", f.runs)
			}
			for _, dir := range []string{f.dataDir, f.programDir} {
				if _, err := os.Stat(dir); (err == nil) != tt.left {
					t.Errorf("%s: %v, want it there: %t", dir, err, tt.left)
				}
			}
		})
	}
}

func (f *fakeInstaller) uninstall(code string) error {
	return f.installer().uninstall(f.t.Context(), f.session, code)
}

func TestSurvey_ofWindowsSaysWhetherTheInstallerMayRun(t *testing.T) {
	administrator := newFakeInstaller(t)
	other := newFakeInstaller(t)
	other.found = "a service"
	for name, tt := range map[string]struct {
		machine *fakeInstaller
		wish    Wish
		tun     bool
		reason  string
	}{
		"an interface":                 {administrator, WantTUN, true, ""},
		"none is asked for":            {administrator, Any, false, "network: tun"},
		"none is wanted":               {administrator, WantUserspace, false, ""},
		"beside another Tailscale":     {other, WantTUN, false, "a service"},
		"not beside it, as by default": {other, Any, false, "network: tun"},
	} {
		got := tt.machine.installer().survey(t.Context(), tt.wish)
		if got.TUN != tt.tun || !strings.Contains(got.Reason, tt.reason) || (got.Reason == "") != (tt.reason == "") || !got.Root {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
