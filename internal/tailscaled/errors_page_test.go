//go:build unix

package tailscaled

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	server, address := packages(t)
	releaseForPage(t, server, "1.98.3", localtailnet.File("t/tailscale", ""))
	releaseForPage(t, server, "1.98.4", localtailnet.File("t/tailscaled", standIn("1.98.4")), localtailnet.File("t/tailscale", ""))
	releaseForPage(t, server, "1.98.5", localtailnet.File("t/tailscaled", standIn("1.70.0")), localtailnet.File("t/tailscale", ""))
	server.Break("/stable/tailscale_1.98.6_amd64.tgz", localtailnet.Fault{Status: http.StatusForbidden})
	from := func(in Install) error {
		in.goos, in.goarch, in.CacheDir = "linux", "amd64", t.TempDir()
		in.HTTP = asTailscales(address)
		_, err := in.Find(t.Context())
		return err
	}
	signed := Install{Mirror: "https://mirror.example.com", RootKey: server.RootKey}
	version := func(in Install, version string) Install { in.Version = version; return in }
	onRunner := Install{CacheDir: "/home/runner/work/_temp/tj-zX6yOm/cache", goos: "linux", goarch: "amd64"}

	diagtest.Samples(t, "tailscaled",
		needsApproval(""),
		died(t),
		notControl("https://headscale.example.com/web", "404 Not Found"),
		notTrusted("https://headscale.example.com", "x509: certificate signed by unknown authority"),
		noAnswer("https://headscale.example.com", "dial tcp: lookup headscale.example.com: no such host"),

		from(Install{Mode: Never}),
		from(Install{Path: "/opt/tailscale/1.98.4"}),
		from(Install{Mode: Bundled, BundleDir: "/opt/tailjoin/dist"}),
		from(version(Install{}, "1.97.9")),
		version(Install{goos: "darwin", goarch: "arm64"}, "1.98.4").findNothing(t),

		from(version(Install{}, "1.98.6")),
		from(version(Install{SHA256: strings.Repeat("0123456789abcdef", 4)}, "1.98.4")),
		bundled{}.mismatch("tailscaled-linux-amd64.zst", sum("changed"), sum("released")),
		bundled{
			dir: "/opt/tailjoin/dist", name: "tailscaled-linux-amd64", sums: sums{"tailjoin-linux-amd64": sum("released")},
		}.otherProgram(sum("changed")),
		from(version(Install{}, "1.98.4")),
		from(version(signed, "1.98.3")),
		from(version(signed, "1.98.5")),
		notRunnable(onRunner, fmt.Errorf("asking tailscaled for its version: %w", syscall.EACCES)),
		onRunner.noPlace(&noexecError{"/home/runner/work"}),
		onRunner.noPlace(&fs.PathError{Op: "write", Path: onRunner.root() + "/.unpack-q2lpm/tailscaled", Err: syscall.ENOSPC}),
		onRunner.noPlace(&fs.PathError{Op: "mkdir", Path: onRunner.root(), Err: syscall.EACCES}),
		failedMSI(t),
	)
}

// releaseForPage serves an archive for the platform of the page's samples.
func releaseForPage(t *testing.T, server *localtailnet.Packages, version string, entries ...localtailnet.Entry) {
	t.Helper()
	content, err := localtailnet.Archive(entries...)
	must(t, err, server.AddArchive(localtailnet.Release{Version: version, Arch: "amd64"}, content))
}

// asTailscales sends every request to the server at address, whatever host it
// is for.
func asTailscales(address string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(address, "http://"))
	}
	return &http.Client{Transport: &http.Transport{DialTLSContext: dial}}
}

func (in Install) findNothing(t *testing.T) error {
	_, err := in.Find(t.Context())
	return err
}

// died is the problem of a daemon that has written this and ended.
func died(t *testing.T) error {
	t.Helper()
	session := mustSession(t)
	write(t, filepath.Join(session.Path, logName), "2026/08/20 02:00:01 logtail started\n2026/08/20 02:00:01 wgengine.NewUserspaceEngine(tun \"tailscale0\") ...\n"+
		"2026/08/20 02:00:01 Linux kernel version: 6.8.0-1030-azure\n2026/08/20 02:00:01 getLocalBackend error: createEngine: tstun.New(\"tailscale0\"): operation not permitted\n")
	exited := make(chan struct{})
	close(exited)
	return (&Daemon{Session: session, process: process{exited: exited}}).explain(fmt.Errorf("starting tailscaled: %w", errExited))
}

// failedMSI is what becomes of an installer that ends with 1603.
func failedMSI(t *testing.T) error {
	t.Helper()
	return notInstalled(&msiError{status: 1603, log: failureIn(fatalLog)})
}
