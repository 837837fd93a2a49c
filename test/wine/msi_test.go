//go:build linux

package wine

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/test/wine/machine"
)

// installedAt names the program that the MSI of these tests installs: see installed/main.go.
const installedAt = "TAILJOIN_TEST_WINDOWS_INSTALLED"

func buildInstalled(ctx context.Context) error {
	daemon, err := filepath.Abs(filepath.Join(root, ".build/programs/windows/tailscaled.exe"))
	if err != nil {
		return err
	}
	flags := fmt.Sprintf("-ldflags=-w -X main.daemon=Z:%s -X main.version=%s", daemon, daemonVersion)
	path, err := machine.Build(ctx, root, "installed.exe", "build", flags, "./test/wine/installed")
	if err != nil {
		return err
	}
	return os.Setenv(installedAt, path)
}

const (
	programs = `C:\Program Files\Tailscale`
	data     = `C:\ProgramData\Tailscale`
	notes    = `C:\Program Files\tailjoin`
)

// newInstalling is a world on whose machine an MSI can be installed, with msiexec as installed/main.go has it.
func newInstalling(t *testing.T) *world {
	t.Helper()
	for _, program := range []string{"wixl", "osslsigncode"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (apt-get install %s)", program, program)
		}
	}
	w := newWorld(t, plainTemp)
	// What reads signatures, and where programs are installed. wine's services begin anew with this registry.
	const folders = `HKLM\Software\Microsoft\Windows\CurrentVersion`
	for _, args := range [][]string{
		{"regsvr32", "/s", "wintrust.dll"}, {"regsvr32", "/s", "msisip.dll"}, {"regsvr32", "/s", "rsaenh.dll"},
		{"reg", "add", folders, "/v", "ProgramFilesDir", "/d", `C:\Program Files`, "/f"},
		{"reg", "add", folders, "/v", "CommonFilesDir", "/d", `C:\Program Files\Common Files`, "/f"},
	} {
		if got := finish(w.t, w.command(`C:\windows\system32\`+args[0]+".exe", args[1:]...)); got.status != 0 {
			t.Fatalf("%v ended with %d:\n%s", args, got.status, got.words)
		}
	}
	if err := errors.Join(w.Machine.Close(), w.Machine.Start()); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(w.File(`C:\Program Files`), 0o755); err != nil {
		t.Fatal(err)
	}
	w.replaceMSIExec()
	w.vars["WINEDLLOVERRIDES"] = "msiexec.exe=n" // the file, and not wine's own
	w.vars["TAILJOIN_NETWORK"] = "tun"
	w.vars["TAILJOIN_ACCEPT_DNS"] = "false" // the service of the test has no interface that names could resolve by
	return w
}

// replaceMSIExec gives the machine the msiexec of installed/main.go, and wine's own another name, which it only takes without the
// mark of its own programs.
func (w *world) replaceMSIExec() {
	w.t.Helper()
	const system = `C:\windows\system32\`
	content, err := os.ReadFile(w.File(system + "msiexec.exe"))
	if err != nil {
		w.t.Fatal(err)
	}
	mark := []byte("Wine builtin DLL")
	content = bytes.Replace(content, mark, make([]byte, len(mark)), 1)
	if err := os.WriteFile(w.File(system+"true-msiexec.exe"), content, 0o755); err != nil {
		w.t.Fatal(err)
	}
	err = os.Remove(w.File(system + "msiexec.exe"))
	for _, name := range []string{"msiexec.exe", "msiserver.exe"} {
		err = errors.Join(err, os.Symlink(os.Getenv(installedAt), w.File(system+name)))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// An msi is what there is to say of one.
type msi struct {
	signer string // "" leaves it unsigned
}

// product has Tailscale's name, service and directory.
const product = `<?xml version="1.0"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
 <Product Id="*" Name="Tailscale" Version="1.102.5" Language="1033" Manufacturer="Tailscale Inc." UpgradeCode="F0000000-0000-4000-8000-000000000001">
  <Package InstallerVersion="200" Compressed="yes" InstallScope="perMachine"/>
  <Media Id="1" Cabinet="a.cab" EmbedCab="yes"/>
  <Directory Id="TARGETDIR" Name="SourceDir"><Directory Id="ProgramFiles64Folder"><Directory Id="INSTALLDIR" Name="Tailscale">
   <Component Id="Daemon" Guid="F0000000-0000-4000-8000-000000000002" Win64="yes">
    <File Id="Daemon" Name="tailscaled.exe" Source="tailscaled.exe" KeyPath="yes"/>
    <ServiceInstall Id="Service" Name="Tailscale" DisplayName="Tailscale" Type="ownProcess" Start="auto" ErrorControl="normal"/>
    <ServiceControl Id="Control" Name="Tailscale" Start="install" Stop="both" Remove="uninstall" Wait="yes"/>
   </Component>
   <Component Id="CLI" Guid="F0000000-0000-4000-8000-000000000003" Win64="yes"><File Id="CLI" Name="tailscale.exe" Source="tailscaled.exe" KeyPath="yes"/></Component>
  </Directory></Directory></Directory>
  <Feature Id="All" Level="1"><ComponentRef Id="Daemon"/><ComponentRef Id="CLI"/></Feature>
 </Product>
</Wix>
`

// make makes the MSI, and returns where Linux has it.
func (m msi) make(t *testing.T) (path string) {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "product.wxs")
	if err := os.WriteFile(source, []byte(product), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.Getenv(installedAt), filepath.Join(dir, "tailscaled.exe")); err != nil {
		t.Fatal(err)
	}
	mustDo(t, dir, "wixl", "-a", "x64", "-o", "unsigned.msi", "product.wxs")
	if m.signer == "" {
		return filepath.Join(dir, "unsigned.msi")
	}
	writeCertificate(t, dir, m.signer)
	mustDo(t, dir, "osslsigncode", "sign", "-certs", "certificate.pem", "-key", "key.pem", "-in", "unsigned.msi", "-out", "signed.msi")
	return filepath.Join(dir, "signed.msi")
}

func mustDo(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// writeCertificate writes a certificate that signs programs, and its key. It is signed by itself: wine does not look for who signed.
func writeCertificate(t *testing.T, dir, name string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{name}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		"certificate.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serve lets a mirror have an MSI, with the sum that the job names.
func (w *world) serve(path string) {
	w.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	mirror := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stable/tailscale-setup-"+daemonVersion+"-amd64.msi" {
			http.NotFound(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "application/octet-stream")
		rw.Write(content)
	}))
	w.t.Cleanup(mirror.Close)
	w.vars["TAILJOIN_MIRROR"] = mirror.URL
	w.vars["TAILJOIN_SHA256SUM"] = fmt.Sprintf("%x", sha256.Sum256(content))
}

// service is what Windows says of Tailscale's service.
func (w *world) service() string {
	w.t.Helper()
	return finish(w.t, w.command(`C:\windows\system32\sc.exe`, "query", "Tailscale")).words
}

func (w *world) wantInstalled(want bool) {
	w.t.Helper()
	for _, path := range []string{programs, data} {
		if _, err := os.Stat(w.File(path)); (err == nil) != want {
			w.t.Errorf("%s: %v, want it there: %t", path, err, want)
		}
	}
	if words := w.service(); strings.Contains(words, "RUNNING") != want {
		w.t.Errorf("the service, want it there: %t\n%s", want, words)
	}
}

func TestMSI_isInstalledForAnInterfaceAndUninstalled(t *testing.T) {
	t.Parallel()
	w := newInstalling(t)
	w.mustPeer()
	w.serve(msi{signer: "Tailscale Inc."}.make(t))
	w.write(`C:\msiexec.txt`, "1618\n1618\n\n1618\n") // another installation runs, at first, and when the job leaves
	out := w.mustJoin("--ping=my-server")
	t.Logf("join took %s", out["milliseconds"])
	w.wantInstalled(true)
	if note := w.read(notes + `\installation.json`); !strings.Contains(note, `\\session"`) {
		t.Errorf("noted %s", note)
	}
	if out["network"] != "tun" || out["socks5-proxy"] != "" || out["version"] != daemonVersion {
		t.Errorf("outputs %v", out)
	}
	if path := w.read(w.temp + `\path`); !strings.Contains(path, programs) {
		t.Errorf("the PATH of later steps gets %q", path)
	}
	// A second join on the machine replaces nothing.
	wantWords(t, w.run("join", "--session", w.temp+`\second`), "cannot have a network interface here", "another join on this machine", w.session)
	w.wantInstalled(true)
	w.mustLeave()
	w.wantInstalled(false)
	w.wantNothingLeft()
	wantWords(t, w.run("leave"), "nothing to leave")
}

// The machine has a Tailscale of its own. No join replaces it, or logs it out.
func TestMSI_isNotInstalledOverATailscaleOfTheMachine(t *testing.T) {
	t.Parallel()
	w := newInstalling(t)
	path := msi{signer: "Tailscale Inc."}.make(t)
	if got := finish(w.t, w.command(`C:\windows\system32\msiexec.exe`, "/i", "Z:"+path, "/quiet")); got.status != 0 {
		t.Fatalf("msiexec ended with %d:\n%s", got.status, got.words)
	}
	w.wantInstalled(true)
	w.serve(path)
	got := w.run("join")
	wantWords(t, got, "cannot have a network interface here", "never replaces a Tailscale that was there before")
	w.mustLeave()

	delete(w.vars, "TAILJOIN_SHA256SUM")
	w.vars["TAILJOIN_NETWORK"] = "auto"
	if out := w.mustJoin(); out["network"] != "userspace" {
		t.Errorf("outputs %v", out)
	}
	w.mustLeave()
	w.wantInstalled(true)
	if nodes := w.jobNodes(); len(nodes) > 0 {
		t.Errorf("nodes are left: %v", nodes)
	}
}

func TestMSI_thatCannotBeInstalledSaysWhyAndLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newInstalling(t)
	for _, tt := range []struct {
		msi
		script string // of msiexec
		words  []string
	}{
		{msi{}, "", []string{"the MSI is not signed by Tailscale Inc.", "nothing was installed"}},
		{msi{signer: "Contoso"}, "", []string{"the MSI is not signed by Tailscale Inc.", "Contoso"}},
		{msi{signer: "Tailscale Inc."}, "1603\n", []string{"Windows did not install Tailscale", "exit status 1603, a fatal error"}},
		{msi{signer: "Tailscale Inc."}, "1625\n", []string{"a policy of this machine forbids the installation"}},
	} {
		w.serve(tt.make(t))
		w.write(`C:\msiexec.txt`, tt.script)
		got := w.run("join")
		if got.status == 0 {
			t.Errorf("%q joined", tt.signer)
		}
		wantWords(t, got, tt.words...)
		w.wantInstalled(false)
		w.mustLeave()
		w.wantNothingLeft()
	}
}
