//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// newShop is a world with a package server that the job is told to trust, and
// with no tailscaled but what that has.
func newShop(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, localtailnet.Options{PackagesDir: shortDir(t)})
	delete(w.vars, "TAILJOIN_TAILSCALE_PATH")
	key := filepath.Join(w.dir, "root.pem")
	if err := os.WriteFile(key, w.Packages().RootKey, 0o600); err != nil {
		t.Fatal(err)
	}
	w.vars["TAILJOIN_MIRROR_KEY"] = key
	return w
}

// mustSell has the package server serve the tailscaled of these tests, and says
// of which version it is.
func (w *world) mustSell(version, path string) {
	w.t.Helper()
	err := w.Packages().Add(localtailnet.Release{Version: version, Daemon: path, CLI: path})
	if err != nil {
		w.t.Fatal(err)
	}
}

// mustPretend is a tailscaled that calls itself another version.
func (w *world) mustPretend(version string) (path string) {
	w.t.Helper()
	path = filepath.Join(w.dir, "tailscaled-"+version)
	script := fmt.Sprintf("#!/bin/bash\n[ \"$1\" = --version ] && echo %s && exit\nexec -a \"$0\" %s \"$@\"\n", version, os.Getenv(daemon))
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func TestJoin_versionThatIsAskedFor_isTakenFromTheMirror(t *testing.T) {
	t.Parallel()
	w := newShop(t)
	w.mustSell("1.70.0", w.mustPretend("1.70.0"))
	w.mustSell(build.Version(), w.mustPretend(build.Version()))
	for version, path := range map[string]string{
		"latest":        "/stable/",
		"1.70":          "/stable/",
		build.Version(): "/stable/tailscale_" + build.Version() + "_amd64.tgz",
	} {
		out := w.mustJoin("--network=userspace", "--version="+version)
		want := build.Version()
		if version == "1.70" {
			want = "1.70.0"
		}
		if out["version"] != want {
			t.Errorf("%s: joined with %s, want %s", version, out["version"], want)
		}
		if w.Packages().Requests(path) == 0 {
			t.Errorf("%s: the mirror was not asked for %s", version, path)
		}
		w.mustLeave()
		w.wantNothingLeft()
	}
}

// Tailscale's own server cannot be reached from here.
func TestJoin_versionThatTheMirrorLacks_isNamedWithThePlacesLookedAt(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.70", "1.70.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newShop(t)
			w.mustFail("download-failed", []string{"https://pkgs.tailscale.com/", "mirror ", "is not there", "bundle "},
				"--network=userspace", "--version="+version)
		})
	}
}

func TestJoin_archiveThatIsNotWhatItSays_isRefused(t *testing.T) {
	t.Parallel()
	for code, spoil := range map[string]func(w *world, r localtailnet.Release){
		"version-mismatch":  func(w *world, _ localtailnet.Release) { w.mustSell("1.71.0", w.mustPretend("1.69.1")) },
		"signature-invalid": func(w *world, r localtailnet.Release) { w.Packages().Set(r.Path()+".sig", []byte("no signature")) },
		"checksum-mismatch": func(w *world, _ localtailnet.Release) {
			w.vars["TAILJOIN_SHA256SUM"] = "0000000000000000000000000000000000000000000000000000000000000000"
		},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newShop(t)
			r := localtailnet.Release{Version: "1.70.0"}
			w.mustSell(r.Version, w.mustPretend(r.Version))
			spoil(w, r)
			version := map[bool]string{true: "1.71.0", false: "1.70.0"}[code == "version-mismatch"]
			w.mustFail(code, []string{"nothing was installed"}, "--network=userspace", "--version="+version)
		})
	}
}

func TestJoin_installNever_takesOnlyWhatTheMachineHas(t *testing.T) {
	t.Parallel()
	w := newShop(t)
	w.vars["PATH"] = "/usr/bin:/bin"
	w.mustFail("not-installed", []string{"never"}, "--network=userspace", "--install=never")
}
