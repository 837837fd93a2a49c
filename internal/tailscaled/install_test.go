//go:build unix

package tailscaled

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/pack"
)

// standIn is a script in place of a tailscaled: it says a version as the real
// one does, and can do nothing else.
func standIn(version string) string {
	return "#!/bin/sh\necho '" + version + "'\necho '  long version: " + version + "-standin'\n"
}

// smallStandIn has in it what a build without some features has.
func smallStandIn(version string) string { return standIn(version) + "# -tags=ts_omit_ssh\n" }

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// theProgram is what the tests' bundles are packed against.
var theProgram = fmt.Sprintf("%x", sha256.Sum256([]byte("tailjoin")))

// bundleOf makes a bundle for this machine, for Linux and for Windows, out of
// content.
func bundleOf(t *testing.T, version, content string) (dir string) {
	t.Helper()
	return bundleFor(t, version, content, "linux-"+runtime.GOARCH, "windows-"+runtime.GOARCH, runtime.GOOS+"-"+runtime.GOARCH)
}

// bundleFor makes a bundle for platforms, with a stand-in for tailjoin.
func bundleFor(t *testing.T, version, content string, platforms ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var sums, spans string
	slices.Sort(platforms)
	for _, platform := range slices.Compact(platforms) {
		name := "tailscaled-" + platform
		packed, lines, err := pack.Pack(name, []byte(content), []byte(theProgram), zstd.SpeedFastest)
		must(t, err)
		write(t, filepath.Join(dir, name+".zst"), string(packed))
		program := bundled{name: name}.programName()
		write(t, filepath.Join(dir, program), theProgram)
		sums += fmt.Sprintf("%s  %s.zst\n%s  %s\n%s  %s\n", sum(string(packed)), name, sum(content), name, sum(theProgram), program)
		spans += lines
	}
	write(t, filepath.Join(dir, "tailscaled.version"), version+"\n")
	write(t, filepath.Join(dir, "SHA256SUMS"), sums)
	write(t, filepath.Join(dir, "tailscaled.spans"), spans)
	return dir
}

func sum(content string) string {
	raw := sha256.Sum256([]byte(content))
	return hex.EncodeToString(raw[:])
}

// hostWith makes a directory with a tailscaled and a tailscale.
func hostWith(t *testing.T, daemon string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "tailscaled"), daemon)
	write(t, filepath.Join(dir, "tailscale"), standIn("any"))
	return dir
}

var withoutFile = cmpopts.IgnoreUnexported(Binary{})

// mustFind returns what in finds, and fails unless it runs and says the
// version it was found as.
func mustFind(t *testing.T, in Install) Binary {
	t.Helper()
	b, err := in.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{b.Daemon, b.CLI} {
		if _, err := askVersion(t.Context(), program, nil); err != nil {
			t.Error(err)
		}
	}
	if said, _ := askVersion(t.Context(), b.Daemon, nil); said != b.Version {
		t.Errorf("tailscaled says %s, want %s", said, b.Version)
	}
	return b
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	p, ok := errors.AsType[*diag.Problem](err)
	if !ok {
		t.Fatalf("got error %v, want a Problem with code %s", err, want)
	}
	if p.Code != want {
		t.Errorf("got code %s, want %s:\n%s", p.Code, want, p.Text())
	}
	if p.Summary == "" || p.Hint == "" {
		t.Errorf("a Problem needs a summary and a hint:\n%s", p.Text())
	}
}

// wantNothingInstalled fails if the cache has a program, or work in progress.
func wantNothingInstalled(t *testing.T, cache string) {
	t.Helper()
	filepath.WalkDir(cache, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			t.Errorf("%s was left behind", path)
		}
		if err == nil && strings.HasPrefix(entry.Name(), ".unpack-") {
			t.Errorf("%s was left behind", path)
		}
		return nil
	})
}

func TestParseMode(t *testing.T) {
	for name, want := range map[string]Mode{"": Auto, "auto": Auto, "bundled": Bundled, "download": Download, "never": Never} {
		if got, err := ParseMode(name); got != want || err != nil {
			t.Errorf("ParseMode(%q) = %v, %v, want %v", name, got, err, want)
		}
	}
	_, err := ParseMode("always")
	wantCode(t, err, "input-invalid")
}

func TestCheck_refusesWhatCannotBeMeant(t *testing.T) {
	digits := strings.Repeat("0a", 32)
	tests := map[string]Install{
		"a word for a version":          {Version: "newest"},
		"a version of one number":       {Version: "1"},
		"a version of four numbers":     {Version: "1.2.3.4"},
		"a version with a path in it":   {Version: "1.102.5/../x"},
		"a version with a leading zero": {Version: "1.02.5"},
		"a version with a blank":        {Version: "1.102.5 "},
		"a short sum":                   {SHA256: digits[2:]},
		"a sum of letters":              {SHA256: strings.Repeat("zz", 32)},
		"a sum and the bundle":          {SHA256: digits, Mode: Bundled},
		"a sum and never":               {SHA256: digits, Mode: Never},
		"a sum and a path":              {SHA256: digits, Path: "/opt"},
		"a path and download":           {Path: "/opt", Mode: Download},
		"a path and the bundle":         {Path: "/opt", Mode: Bundled},
		"a mirror without a scheme":     {Mirror: "pkgs.example.com"},
		"a mirror that is a file":       {Mirror: "file:///srv/pkgs"},
		"a mirror by plain http":        {Mirror: "http://10.9.9.1:8091"},
		"a mirror by plain http, named": {Mirror: "http://pkgs.example.com"},
		"a root key that is none":       {Mirror: "https://pkgs.example.com", RootKey: []byte("x")},
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			err := in.Check()
			wantCode(t, err, "input-invalid")
			if p, ok := errors.AsType[*diag.Problem](err); ok && !p.Input {
				t.Error("the exit status of an input error is missing")
			}
		})
	}
}

func TestCheck_acceptsEveryFormOfVersion(t *testing.T) {
	for _, version := range []string{"", "1.102.5", "v1.102.5", "1.70", "1.70.0", "latest", "unstable"} {
		if err := (Install{Version: version}).Check(); err != nil {
			t.Errorf("version %q: %v", version, err)
		}
	}
}

// One thing is found in each case, and the row says where.
func TestFind_takesTheFirstThatFits(t *testing.T) {
	small, full := smallStandIn, standIn
	tests := map[string]struct {
		in         Install
		host       string // what its tailscaled is; "" is none
		want       string // source and version
		wantFull   bool
		wantOnHost bool
	}{
		"the bundle, by default":            {want: "bundle 1.102.5"},
		"not a host as new":                 {host: full("1.102.5"), want: "bundle 1.102.5"},
		"not a newer host":                  {host: full("1.104.0"), want: "bundle 1.102.5"},
		"not a newer host if asked":         {in: Install{Version: "1.102.5"}, host: full("1.104.0"), want: "bundle 1.102.5"},
		"an older host if asked":            {in: Install{Version: "v1.98.0"}, host: full("1.98.0"), want: "host 1.98.0", wantFull: true},
		"a host of the minor":               {in: Install{Version: "1.98"}, host: full("1.98.3"), want: "host 1.98.3", wantFull: true},
		"the bundle of the minor":           {in: Install{Version: "1.102"}, host: full("1.10.2"), want: "bundle 1.102.5"},
		"not a host if the bundle is asked": {in: Install{Mode: Bundled}, host: full("1.104.0"), want: "bundle 1.102.5"},
		"a full host":                       {in: Install{Full: true}, host: full("1.102.5"), want: "host 1.102.5", wantFull: true},
		"never: the host":                   {in: Install{Mode: Never}, host: full("1.102.5"), want: "host 1.102.5", wantFull: true},
		"never: a newer host":               {in: Install{Mode: Never}, host: full("1.104.0"), want: "host 1.104.0", wantFull: true},
		"never: a small host":               {in: Install{Mode: Never}, host: small("1.102.5"), want: "host 1.102.5"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := tt.in
			in.BundleDir, in.CacheDir, in.installers = bundleOf(t, "1.102.5", small("1.102.5")), t.TempDir(), rootAndUs()
			if tt.host != "" {
				in.SearchPath = []string{t.TempDir(), hostWith(t, tt.host)}
			}
			got := mustFind(t, in)
			if found := got.Source + " " + got.Version; found != tt.want || got.Full != tt.wantFull {
				t.Errorf("got %s, full %v, want %s, full %v", found, got.Full, tt.want, tt.wantFull)
			}
		})
	}
}

func TestFind_daemonAndCLIMayBeInTwoDirectories(t *testing.T) {
	sbin, bin := t.TempDir(), t.TempDir()
	write(t, filepath.Join(sbin, "tailscaled"), standIn("1.102.5"))
	write(t, filepath.Join(bin, "tailscale"), standIn("1.102.5"))
	got := mustFind(t, Install{Mode: Never, SearchPath: []string{"", ".", bin, sbin}})
	want := Binary{Daemon: filepath.Join(sbin, "tailscaled"), CLI: filepath.Join(bin, "tailscale"), Version: "1.102.5", Source: "host", Full: true}
	if diff := cmp.Diff(want, got, withoutFile); diff != "" {
		t.Errorf("binary (-want +got):\n%s", diff)
	}
}

func TestFind_saysWhatEachSourceLacks(t *testing.T) {
	host := hostWith(t, smallStandIn("1.98.0"))
	tests := map[string]struct {
		in   Install
		code string
		fact diag.Fact
	}{
		"never, nothing on the host": {
			in: Install{Mode: Never}, code: "not-installed",
			fact: diag.Fact{Name: "host", Value: "tailscaled is not on its search path"},
		},
		"never, an old host": {
			in: Install{Mode: Never, SearchPath: []string{host}}, code: "not-installed",
			fact: diag.Fact{Name: "host", Value: host + "/tailscaled is 1.98.0"},
		},
		"never, a small host": {
			in: Install{Mode: Never, Version: "1.98.0", Full: true, SearchPath: []string{host}}, code: "not-installed",
			fact: diag.Fact{Name: "host", Value: host + "/tailscaled is built without some features"},
		},
		"no bundle": {
			in: Install{}, code: "bundle-missing",
			fact: diag.Fact{Name: "bundle", Value: "nothing is bundled"},
		},
		"another version in the bundle": {
			in: Install{Mode: Bundled, Version: "1.98.0"}, code: "bundle-missing",
			fact: diag.Fact{Name: "wanted", Value: "tailscaled 1.98.0 for " + runtime.GOOS + "-" + runtime.GOARCH},
		},
		"no download by default": {
			in: Install{}, code: "bundle-missing",
			fact: diag.Fact{Name: "tailscale", Value: "not asked: nothing is downloaded by default"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.in.CacheDir = t.TempDir()
			_, err := tt.in.Find(t.Context())
			wantCode(t, err, tt.code)
			p, _ := errors.AsType[*diag.Problem](err)
			if !cmp.Equal([]diag.Fact{tt.fact}, p.Facts, cmpopts.IgnoreSliceElements(func(f diag.Fact) bool { return f != tt.fact })) {
				t.Errorf("got facts %q, want %q among them", p.Facts, tt.fact)
			}
			wantNothingInstalled(t, tt.in.CacheDir)
		})
	}
}

func TestFind_path(t *testing.T) {
	dir := hostWith(t, smallStandIn("1.70.0"))
	good := map[string]Install{
		"a directory":          {Path: dir},
		"a file":               {Path: filepath.Join(dir, "tailscaled")},
		"with never":           {Path: dir, Mode: Never},
		"of the version asked": {Path: dir, Version: "1.70"},
	}
	for name, in := range good {
		t.Run(name, func(t *testing.T) {
			want := Binary{Daemon: filepath.Join(dir, "tailscaled"), CLI: filepath.Join(dir, "tailscale"), Version: "1.70.0", Source: "path"}
			if diff := cmp.Diff(want, mustFind(t, in), withoutFile); diff != "" {
				t.Errorf("binary (-want +got):\n%s", diff)
			}
		})
	}
	bad := map[string]Install{
		"nothing there":                {Path: filepath.Join(dir, "none")},
		"an empty directory":           {Path: t.TempDir()},
		"of another version":           {Path: dir, Version: "1.70.1"},
		"without a feature that I ask": {Path: dir, Full: true},
	}
	for name, in := range bad {
		t.Run(name, func(t *testing.T) {
			_, err := in.Find(t.Context())
			wantCode(t, err, "not-installed")
		})
	}
}

func TestFind_unpacksTheBundleOnce(t *testing.T) {
	in := Install{BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5")), CacheDir: t.TempDir()}
	first, second := mustFind(t, in), mustFind(t, in)
	if first.Source != "bundle" || second.Source != "cache" {
		t.Errorf("got sources %s and %s, want bundle and cache", first.Source, second.Source)
	}
	if diff := cmp.Diff(first, second, withoutFile, cmpopts.IgnoreFields(Binary{}, "Source")); diff != "" {
		t.Errorf("the second differs:\n%s", diff)
	}
}

func TestFind_replacesWhatWasChangedInTheCache(t *testing.T) {
	changes := map[string]func(t *testing.T, b Binary){
		"a flipped byte": func(t *testing.T, b Binary) {
			content, err := os.ReadFile(b.Daemon)
			if err != nil {
				t.Fatal(err)
			}
			content[len(content)/2] ^= 1
			write(t, b.Daemon, string(content))
		},
		"another program": func(t *testing.T, b Binary) { write(t, b.Daemon, standIn("6.6.6")) },
		"a link to another program": func(t *testing.T, b Binary) {
			must(t, os.Remove(b.Daemon), os.Symlink("/bin/true", b.Daemon))
		},
		"a CLI that leads elsewhere": func(t *testing.T, b Binary) {
			must(t, os.Remove(b.CLI), os.Symlink("/bin/true", b.CLI))
		},
		"another CLI":        func(t *testing.T, b Binary) { must(t, os.Remove(b.CLI)); write(t, b.CLI, standIn("6.6.6")) },
		"no CLI":             func(t *testing.T, b Binary) { must(t, os.Remove(b.CLI)) },
		"a directory":        func(t *testing.T, b Binary) { must(t, os.Remove(b.Daemon), os.Mkdir(b.Daemon, 0o755)) },
		"not executable":     func(t *testing.T, b Binary) { must(t, os.Chmod(b.Daemon, 0o644)) },
		"half of it":         func(t *testing.T, b Binary) { must(t, os.Truncate(b.Daemon, 20)) },
		"an empty file":      func(t *testing.T, b Binary) { must(t, os.Truncate(b.Daemon, 0)) },
		"gone":               func(t *testing.T, b Binary) { must(t, os.Remove(b.Daemon)) },
		"gone with the rest": func(t *testing.T, b Binary) { must(t, os.RemoveAll(filepath.Dir(b.Daemon))) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			content := smallStandIn("1.102.5")
			in := Install{BundleDir: bundleOf(t, "1.102.5", content), CacheDir: t.TempDir()}
			change(t, mustFind(t, in))
			b := mustFind(t, in)
			got, err := os.ReadFile(b.CLI)
			if err != nil || string(got) != content || b.Source != "bundle" {
				t.Errorf("got %q from %s, %v, want the bundled program", got, b.Source, err)
			}
		})
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestFind_refusesADamagedBundle(t *testing.T) {
	name, program := "tailscaled-"+runtime.GOOS+"-"+runtime.GOARCH, "tailjoin-"+runtime.GOOS+"-"+runtime.GOARCH
	damage := map[string]struct {
		do   func(t *testing.T, dir string)
		code string
	}{
		"a flipped byte in the packed file": {func(t *testing.T, dir string) {
			flip(t, filepath.Join(dir, name+".zst"))
		}, "checksum-mismatch"},
		"a packed file cut short": {func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, name+".zst"), 10))
		}, "checksum-mismatch"},
		"no packed file": {func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, name+".zst")))
		}, "bundle-missing"},
		"no sums": {func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "SHA256SUMS")))
		}, "bundle-missing"},
		"no sum of the unpacked file": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "SHA256SUMS"), sum("x")+"  "+name+".zst\n")
		}, "bundle-missing"},
		"another program beside it": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, program), "of another release")
		}, "checksum-mismatch"},
		"no program beside it": {func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, program)))
		}, "bundle-missing"},
		"a packed part with another sum": {func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, "tailscaled.spans"), `(?m)^.*(  \S+\.zst\[0:)`, sum("x")+"$1")
		}, "checksum-mismatch"},
		"an unpacked part with another sum": {func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, "tailscaled.spans"), `(?m)^.*(  [^.\s]+\[0:)`, sum("x")+"$1")
		}, "checksum-mismatch"},
		"an unpacked part with another size": {func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, "tailscaled.spans"), `(\S+  [^.\s]+\[\d+:)(\d+\]\n.*\n)\z`, "${1}9$2")
		}, "checksum-mismatch"},
		"an unpacked part elsewhere": {func(t *testing.T, dir string) {
			spans, err := readSums(filepath.Join(dir, "tailscaled.spans"))
			must(t, err)
			second := spans.spans(name)[1]
			from := fmt.Sprintf("%s\\[%d:%d\\]", name, second.from, second.to)
			change(t, filepath.Join(dir, "tailscaled.spans"), from, fmt.Sprintf("%s[%d:%d]", name, second.from+1, second.to+1))
		}, "bundle-missing"},
		"an unpacked part too few": {func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, "tailscaled.spans"), `(?m)^.*  [^.\s]+\[0:\d+\]\n`, "")
		}, "bundle-missing"},
		"a packed part too few": {func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, "tailscaled.spans"), `(?m)^.*  \S+\.zst\[0:\d+\]\n`, "")
		}, "bundle-missing"},
		"no spans": {func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "tailscaled.spans")))
		}, "bundle-missing"},
		"not packed with zstd": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, name+".zst"), "plain")
			write(t, filepath.Join(dir, "SHA256SUMS"), sum("plain")+"  "+name+".zst\n"+sum("plain")+"  "+name+"\n"+sum(theProgram)+"  "+program+"\n")
			write(t, filepath.Join(dir, "tailscaled.spans"), sum("plain")+"  "+name+".zst[0:5]\n"+sum("plain")+"  "+name+"[0:5]\n")
		}, "bundle-missing"},
		"for other platforms": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "SHA256SUMS"), sum("x")+"  tailscaled-plan9-386\n")
		}, "bundle-missing"},
	}
	for what, tt := range damage {
		t.Run(what, func(t *testing.T) {
			content := smallStandIn("1.102.5") + strings.Repeat("# "+theProgram+"\n", 8)
			in := Install{BundleDir: bundleFor(t, "1.102.5", content, runtime.GOOS+"-"+runtime.GOARCH), CacheDir: t.TempDir()}
			tt.do(t, in.BundleDir)
			_, err := in.Find(t.Context())
			wantCode(t, err, tt.code)
			wantNothingInstalled(t, in.CacheDir)
		})
	}
}

// change replaces a pattern that a file must have.
func change(t *testing.T, name, pattern, with string) {
	t.Helper()
	before, err := os.ReadFile(name)
	must(t, err)
	after := regexp.MustCompile(pattern).ReplaceAll(before, []byte(with))
	if string(after) == string(before) {
		t.Fatalf("%s has no %s:\n%s", name, pattern, before)
	}
	write(t, name, string(after))
}

func flip(t *testing.T, name string) {
	t.Helper()
	content, err := os.ReadFile(name)
	must(t, err)
	content[len(content)/2] ^= 1
	write(t, name, string(content))
}

func TestFind_manyAtOnceAgree(t *testing.T) {
	in := Install{BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5")), CacheDir: t.TempDir()}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			b, err := in.Find(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if said, err := askVersion(t.Context(), b.CLI, nil); said != "1.102.5" {
				t.Errorf("got version %q, %v", said, err)
			}
		})
	}
	wg.Wait()
	left, err := filepath.Glob(filepath.Join(in.CacheDir, "tailscaled", ".unpack-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestFind_trustsNothingThatAKilledOneLeft(t *testing.T) {
	in := Install{BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5")), CacheDir: t.TempDir()}
	fresh, err := in.scratch()
	must(t, err)
	old, err := in.scratch()
	must(t, err)
	write(t, filepath.Join(old, "tailscaled"), standIn("6.6.6"))
	long := time.Now().Add(-2 * abandoned)
	must(t, os.Chtimes(old, long, long))

	mustFind(t, in)
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the abandoned directory is still there: %v", err)
	}
	if info, err := os.Stat(fresh); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory of another process: %v, %v, want mode 0700", info.Mode(), err)
	}
}

func TestFind_cancelLeavesNothing(t *testing.T) {
	in := Install{BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5")), CacheDir: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := in.Find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	wantNothingInstalled(t, in.CacheDir)
}

func TestFind_saysThatThereIsNoCache(t *testing.T) {
	in := Install{BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5"))}
	if _, err := in.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "no cache directory") {
		t.Errorf("got error %v, want one about the cache directory", err)
	}
}

func TestFind_saysThatTheCacheCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	in := Install{BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5")), CacheDir: file}
	_, err := in.Find(t.Context())
	wantCode(t, err, "cache-unwritable")
}

func TestContains_acrossReads(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	const block = 1 << 20
	for at := block - len(omitTag) - 1; at <= block+1; at++ {
		write(t, name, strings.Repeat("t", at)+string(omitTag)+strings.Repeat("s", 100))
		if got, err := contains(name, omitTag); !got || err != nil {
			t.Errorf("at %d: got %v, %v, want true", at, got, err)
		}
	}
	write(t, name, strings.Repeat("ts_omit", block/4))
	if got, err := contains(name, omitTag); got || err != nil {
		t.Errorf("got %v, %v, want false", got, err)
	}
}

func TestDiscard_removesTheWorkOfOneSessionOnly(t *testing.T) {
	in := Install{CacheDir: t.TempDir(), Session: "abc"}
	mine, err := in.scratch()
	must(t, err)
	other, err := Install{CacheDir: in.CacheDir, Session: "abcd"}.scratch()
	must(t, err)
	for _, session := range []string{"", "*", "../x", in.Session} {
		must(t, Install{CacheDir: in.CacheDir, Session: session}.Discard())
	}
	if _, err := os.Lstat(mine); !os.IsNotExist(err) {
		t.Errorf("the session's own work is left: %v", err)
	}
	if _, err := os.Lstat(other); err != nil {
		t.Errorf("another session's work was removed: %v", err)
	}
}
