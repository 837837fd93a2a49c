package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	tailscaleroot "tailscale.com"
)

// An Install says which tailscaled a join wants and where it may come from.
// The zero value wants one that is new enough and is here already.
//
// What Find returns was verified in that call, cache hits too. Nothing is
// downloaded unless Mode or a wish that cannot be met here asks for it.
type Install struct {
	Mode    Mode   // Auto is the zero value
	Path    string // a directory or a tailscaled that the user names; goes before all else
	Version string // "" is what is bundled; else "1.102.5", "1.102", "latest" or "unstable"
	SHA256  string // of the archive, hexadecimal: the archive is then fetched, whatever is here
	Full    bool   // a feature that the small build lacks is wanted: ssh, serve, funnel …
	Needs   string // the flag of `tailscale up` for which Full is set; "" if another reason

	Interface  Wish                       // decides whether Tailscale's installer may run, on Windows
	SessionDir string                     // the directory of the session for which the installer runs
	Installing func(product string) error // is told what is about to be installed for the whole machine, "" if nothing is after all; nil is not called

	BundleDir string // tailscaled-OS-ARCH.zst, SHA256SUMS and tailscaled.version
	CacheDir  string // kept between jobs, where there is such a directory; needed
	Own       string // the session's own cache directory, used where CacheDir cannot be; empty if not set
	Session   string // letters and digits that mark work in progress as this join's; "" is nobody's

	Mirror   string // package server that the user configured; "" is none
	RootKey  []byte // PEM of the distsign roots of Mirror; nil is Tailscale's
	Packages string // "" is https://pkgs.tailscale.com

	SearchPath []string     // directories to look in for a host's tailscaled
	HTTP       *http.Client // nil is http.DefaultClient
	Log        *slog.Logger // nil is silence

	goos, goarch string            // "" is this machine's
	knownSums    map[string]string // by file; nil is the table in the tree
	silence      time.Duration     // that ends a transfer; 0 is longestSilence
	installers   []int             // users whose programs on the search path are trusted; nil is root
	msi          *installer        // nil is Windows' own
}

// A Binary is a tailscaled that was verified when Find returned it.
type Binary struct {
	Daemon  string // path of tailscaled
	CLI     string // path of tailscale; for the bundle a link to Daemon, or Daemon itself
	Version string // "1.102.5"
	Source  string // "host", "path", "cache", "bundle", "mirror" or "download"
	Full    bool   // nothing was left out of the build
	Service bool   // it runs already, as the Windows service that its MSI installed

	file *os.File // Daemon, opened before it was verified; nil for the host's. It is closed when it is collected.
}

// A Mode says where a tailscaled may come from.
type Mode int

const (
	Auto     Mode = iota // the bundle; for another wish root's own on the host, or a download
	Bundled              // the bundle and nothing else
	Download             // a package server, or what was fetched from it before
	Never                // the host and nothing else
)

var modeNames = []string{Auto: "auto", Bundled: "bundled", Download: "download", Never: "never"}

func (m Mode) String() string { return modeNames[m] }

// ParseMode reads the install input. "" is Auto.
func ParseMode(s string) (Mode, error) {
	if s == "" {
		return Auto, nil
	}
	if i := slices.Index(modeNames, s); i >= 0 {
		return Mode(i), nil
	}
	return 0, diag.Input(fmt.Sprintf("install %q is not known", s), "write one of: "+strings.Join(modeNames, ", "))
}

// A source is a place to find a tailscaled. It returns an absent if it does
// not have what is wanted, and any other error to end the search.
type source struct {
	name string
	find func(Install, context.Context) (Binary, error)
}

// sources are tried in order.
var sources = map[Mode][]source{
	Auto:     {fromBundle, fromHost, fromCache, fromMirror, fromTailscale},
	Bundled:  {fromBundle},
	Download: {fromCache, fromMirror, fromTailscale},
	Never:    {fromHost},
}

var (
	fromHost      = source{"host", Install.host}
	fromBundle    = source{"bundle", Install.bundle}
	fromCache     = source{"cache", Install.cached}
	fromMirror    = source{"mirror", Install.mirror}
	fromTailscale = source{"tailscale", Install.tailscale}
)

// Find returns the first tailscaled that is as wanted, in the order of Mode.
// Its errors are a *NoInterfaceError, and Problems with the codes input-invalid, not-installed,
// bundle-missing, version-unknown, version-mismatch, download-failed,
// checksum-mismatch, signature-invalid, archive-odd, not-runnable,
// cache-unwritable, install-unsupported and install-failed.
func (in Install) Find(ctx context.Context) (Binary, error) {
	if err := in.Check(); err != nil {
		return Binary{}, err
	}
	if in.Path != "" {
		return in.named(ctx)
	}
	in, err := in.resolveTrack(ctx)
	if err != nil {
		return Binary{}, err
	}
	return in.findSomewhere(ctx)
}

// find asks the sources in order.
func (in Install) find(ctx context.Context) (Binary, error) {
	var missed []diag.Fact
	for _, s := range sources[in.searched()] {
		b, err := s.find(in, ctx)
		miss, ok := errors.AsType[*absent](err)
		if !ok {
			return b, withMisses(err, missed)
		}
		missed = append(missed, diag.Fact{Name: s.name, Value: miss.why})
	}
	return Binary{}, in.nowhere(missed)
}

// searched is Mode, or Download for a network interface on Windows, which only
// Tailscale's installer brings.
func (in Install) searched() Mode {
	if in.Mode == Auto && in.needsInstaller() {
		return Download
	}
	return in.Mode
}

func (in Install) needsInstaller() bool { return in.os() == "windows" && in.Interface == WantTUN }

// Check says what is wrong with the wishes before anything is done: a Problem
// with the code input-invalid, or nil.
func (in Install) Check() error {
	if _, err := parseWish(in.Version); err != nil {
		return err
	}
	if in.SHA256 != "" && !isSHA256(in.SHA256) {
		return diag.Input(fmt.Sprintf("sha256sum %q is not a SHA-256", in.SHA256), "write the 64 hexadecimal digits of the archive's sum")
	}
	if in.SHA256 != "" && (in.Mode == Bundled || in.Mode == Never || in.Path != "") {
		return diag.Input("sha256sum is the sum of a download, and nothing is to be downloaded", "leave out sha256sum, or set install to download")
	}
	if in.Path != "" && (in.Mode == Bundled || in.Mode == Download) {
		return diag.Input(fmt.Sprintf("tailscale-path and install: %s exclude each other", in.Mode), "leave out one of them")
	}
	return in.checkMirror()
}

// withMisses adds to a failed download why there was one: without that a package
// server is blamed that was only asked because a mirror has too little.
func withMisses(err error, missed []diag.Fact) error {
	if p, ok := errors.AsType[*diag.Problem](err); ok && p.Code == "download-failed" {
		p.Facts = append(p.Facts, missed...)
	}
	return err
}

// An absent says why a source does not have what is wanted.
type absent struct{ why string }

func (a *absent) Error() string { return a.why }

func missing(format string, args ...any) error { return &absent{fmt.Sprintf(format, args...)} }

// nowhere is the end of a search in which no source failed.
func (in Install) nowhere(missed []diag.Fact) error {
	if in.mayDownload() {
		return in.unknown(missed)
	}
	if in.Mode == Never {
		return &diag.Problem{
			Code:    "not-installed",
			Summary: "this machine has no tailscaled that fits, and install: never allows no other",
			Facts:   in.wantedAnd(missed),
			Hint:    "install Tailscale on the machine, name its directory with tailscale-path, or set install to auto",
		}
	}
	return &diag.Problem{
		Code:    "bundle-missing",
		Summary: "no tailscaled that fits comes with this tailjoin",
		Facts:   in.wantedAnd(missed),
		Hint:    "set install to download, or leave out the wish that the bundle does not meet",
	}
}

// unknown is that of a search in which package servers were asked.
func (in Install) unknown(missed []diag.Fact) error {
	return &diag.Problem{
		Code:    "version-unknown",
		Summary: "no package server has the tailscaled that was asked for",
		Facts:   in.wantedAnd(missed),
		Hint:    "write a version that was released, such as " + ownVersion() + "; https://pkgs.tailscale.com/stable/ lists them",
	}
}

func (in Install) wantedAnd(missed []diag.Fact) []diag.Fact {
	return append([]diag.Fact{{Name: "wanted", Value: in.wishes()}}, missed...)
}

// wishes are the demands in words, for the reader of a Problem.
func (in Install) wishes() string {
	words := []string{"tailscaled"}
	if in.Version != "" {
		words = append(words, in.Version)
	} else {
		words = append(words, in.bundledVersion(), "or newer")
	}
	if in.Full {
		words = append(words, "with all features", in.reason())
	}
	words = append(words, "for", in.platform())
	return strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" }), " ")
}

// reason says which flag asks for a full build.
func (in Install) reason() string {
	if in.Needs == "" {
		return ""
	}
	return "(for --" + in.Needs + ")"
}

// mayDownload says whether a package server may be asked without having been
// configured: the default join never is a reason.
func (in Install) mayDownload() bool {
	if in.Mode != Auto {
		return in.Mode == Download
	}
	return in.Full || in.SHA256 != "" || in.needsInstaller() || !in.fits(in.bundledVersion())
}

// ownVersion is that of the tailscale.com module in this program, which is what
// the bundle is built from.
func ownVersion() string { return strings.TrimSpace(tailscaleroot.VersionDotTxt) }

func (in Install) os() string {
	if in.goos != "" {
		return in.goos
	}
	return runtime.GOOS
}

func (in Install) arch() string {
	if in.goarch != "" {
		return in.goarch
	}
	return runtime.GOARCH
}

// platform is "linux-amd64".
func (in Install) platform() string { return in.os() + "-" + in.arch() }

func (in Install) log() *slog.Logger {
	if in.Log != nil {
		return in.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (in Install) client() *http.Client {
	if in.HTTP != nil {
		return in.HTTP
	}
	return http.DefaultClient
}
