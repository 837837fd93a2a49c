//go:build unix

package tailscaled

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// stranger is the uid of another user.
const stranger = 65534

// giveAway makes a file another user's, which only root can do.
func giveAway(t *testing.T, name string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to another user")
	}
	must(t, os.Lchown(name, stranger, stranger))
}

func TestCheckPath(t *testing.T) {
	chmod := func(name string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, name), mode)) }
	}
	foreign := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { giveAway(t, filepath.Join(dir, name)) }
	}
	// The tree that each case changes: a/b/file, and links to it.
	tests := map[string]struct {
		spoil func(t *testing.T, dir string)
		path  string
		safe  bool
	}{
		"as it is":                          {path: "a/b/file", safe: true},
		"a directory":                       {path: "a/b", safe: true},
		"what does not exist":               {path: "a/b/c/d", safe: true},
		"by links that are ours":            {path: "relative/file", safe: true},
		"by an absolute link":               {path: "absolute", safe: true},
		"a directory anyone can write to":   {spoil: chmod("a", 0o777), path: "a/b/file"},
		"a sticky directory":                {spoil: chmod("a", 0o777|os.ModeSticky), path: "a/b/file", safe: true},
		"a directory its group can write":   {spoil: chmod("a", 0o775), path: "a/b/file"},
		"a directory others can write":      {spoil: chmod("a/b", 0o757), path: "a/b/file"},
		"a file its group can write":        {spoil: chmod("a/b/file", 0o775), path: "a/b/file"},
		"a file others can write":           {spoil: chmod("a/b/file", 0o757), path: "a/b/file"},
		"a sticky file others can write":    {spoil: chmod("a/b/file", 0o777|os.ModeSticky), path: "a/b/file"},
		"what does not exist, in a shared":  {spoil: chmod("a/b", 0o777), path: "a/b/c/d"},
		"a link into a shared directory":    {spoil: chmod("a", 0o777), path: "relative/file"},
		"an absolute one into such":         {spoil: chmod("a/b", 0o777), path: "absolute"},
		"a link in a shared directory":      {spoil: chmod("links", 0o777), path: "links/file"},
		"another user's file":               {spoil: foreign("a/b/file"), path: "a/b/file"},
		"another user's directory":          {spoil: foreign("a"), path: "a/b/file"},
		"another user's last directory":     {spoil: foreign("a/b"), path: "a/b/file"},
		"another user's link":               {spoil: foreign("absolute"), path: "absolute"},
		"another user's in a sticky":        {spoil: func(t *testing.T, dir string) { chmod("a", 0o777|os.ModeSticky)(t, dir); foreign("a/b")(t, dir) }, path: "a/b/file"},
		"a link that leads to itself":       {path: "loop"},
		"a sibling of a shared directory":   {spoil: chmod("links", 0o777), path: "a/b/file", safe: true},
		"a path that leads through its own": {path: "a/b/../b/file", safe: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a/b/file"), "x")
			must(t, os.Mkdir(filepath.Join(dir, "links"), 0o755),
				os.Symlink("../a/b/file", filepath.Join(dir, "links/file")),
				os.Symlink("./links/../a/b", filepath.Join(dir, "relative")),
				os.Symlink(filepath.Join(dir, "a/b/file"), filepath.Join(dir, "absolute")),
				os.Symlink("loop", filepath.Join(dir, "loop")))
			if tt.spoil != nil {
				tt.spoil(t, dir)
			}
			if err := checkPath(filepath.Join(dir, tt.path), rootAndUs()); (err == nil) != tt.safe {
				t.Errorf("got %v, want safe: %t", err, tt.safe)
			}
		})
	}
}

func TestOpenOwned_takesRegularFilesOfTheOwnersOnly(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	write(t, file, "x")
	must(t, os.Symlink(file, link), syscall.Mkfifo(pipe, 0o600)) // to open a pipe would be to wait for its writer
	for _, name := range []string{link, pipe, dir} {
		if f, err := openOwned(name, rootAndUs()); err == nil {
			f.Close()
			t.Errorf("%s was opened", name)
		}
	}
	if _, err := openOwned(file, rootAndUs()); err != nil {
		t.Error(err)
	}
	if _, err := openOwned(file, []int{stranger}); err == nil {
		t.Error("a file that is not the owner's was opened")
	}
	must(t, os.Chmod(file, 0o620))
	if _, err := openOwned(file, rootAndUs()); err == nil {
		t.Error("a file that its group can write to was opened")
	}
}

// Each cache has the genuine file, which alone would make us use it.
func TestFind_doesNotUseACacheThatOthersCanChange(t *testing.T) {
	chmod := func(mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, name string) { must(t, os.Chmod(name, mode)) }
	}
	tests := map[string]struct {
		what  string // below the cache
		spoil func(*testing.T, string)
	}{
		"the cache has mode 0777":             {"", chmod(0o777)},
		"the cache has mode 0775":             {"", chmod(0o775)},
		"the cache is another user's":         {"", giveAway},
		"its directory has mode 0777":         {"tailscaled", chmod(0o777)},
		"the version has mode 0777":           {"tailscaled/1.102.5", chmod(0o777)},
		"the entry has mode 0777":             {"ENTRY", chmod(0o777)},
		"the entry can be changed by a group": {"ENTRY", chmod(0o775)},
		"the entry is another user's":         {"ENTRY", giveAway},
		"the entry is a link to a directory that others can change": {"ENTRY", func(t *testing.T, entry string) {
			shared := t.TempDir()
			must(t, os.Chmod(shared, 0o777), os.Rename(entry, filepath.Join(shared, "x")), os.Symlink(filepath.Join(shared, "x"), entry))
		}},
		"the entry is another user's link": {"ENTRY", func(t *testing.T, entry string) {
			must(t, os.Rename(entry, entry+".x"), os.Symlink(entry+".x", entry))
			giveAway(t, entry)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			content := smallStandIn("1.102.5")
			in := Install{BundleDir: bundleOf(t, "1.102.5", content), CacheDir: t.TempDir(), Own: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))}
			genuine := mustFind(t, in)
			path := filepath.Join(in.CacheDir, strings.Replace(tt.what, "ENTRY", "tailscaled/1.102.5/"+in.platform()+"-small", 1))
			tt.spoil(t, path)

			got := mustFind(t, in)
			if !contained(got.Daemon, in.Own) || !contained(got.CLI, in.Own) || got.Source != "bundle" {
				t.Errorf("got %s from %s, want it in the session", got.Daemon, got.Source)
			}
			if same, _ := os.Stat(genuine.Daemon); isAt(got.file, genuine.Daemon) || same == nil {
				t.Error("the file of the cache is run, or gone")
			}
			if words := log.String(); !strings.Contains(words, "other users can change") || !strings.Contains(words, in.CacheDir) {
				t.Errorf("the log does not say why:\n%s", words)
			}
		})
	}
}

// In a directory that is only ours a file that is not is replaced.
func TestFind_replacesAFileThatOthersCanChange(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, string){
		"another user's":   giveAway,
		"others' to write": func(t *testing.T, file string) { must(t, os.Chmod(file, 0o757)) },
		"a group's":        func(t *testing.T, file string) { must(t, os.Chmod(file, 0o775)) },
	} {
		t.Run(name, func(t *testing.T) {
			in := Install{BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5")), CacheDir: t.TempDir(), Own: t.TempDir()}
			first := mustFind(t, in)
			spoil(t, first.Daemon)
			got := mustFind(t, in)
			if got.Source != "bundle" || got.Daemon != first.Daemon || checkPath(got.Daemon, rootAndUs()) != nil {
				t.Errorf("got %s from %s, want it unpacked anew", got.Daemon, got.Source)
			}
		})
	}
}

func TestFind_withoutAnotherPlace_refusesACacheThatOthersCanChange(t *testing.T) {
	in := Install{BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5")), CacheDir: t.TempDir()}
	must(t, os.Chmod(in.CacheDir, 0o777))
	_, err := in.Find(t.Context())
	wantCode(t, err, "cache-unwritable")
	wantNothingInstalled(t, in.CacheDir)
}

// A download is put neither into such a cache.
func TestFind_downloadsIntoTheSessionIfOthersCanChangeTheCache(t *testing.T) {
	server, address := packages(t, "1.98.4")
	in := fromMirrorOf(t, server, address)
	in.Own = t.TempDir()
	must(t, os.Chmod(in.CacheDir, 0o777))
	got := mustFind(t, in)
	if !contained(got.Daemon, in.Own) || !contained(got.CLI, in.Own) {
		t.Errorf("got %s, want it in the session", got.Daemon)
	}
	wantNothingInstalled(t, in.CacheDir)
}

// tattle is a program that leaves a file where it is run, and says a version.
func tattle(word string) string {
	return "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.102.5 && exit\necho " + word + " > ran\n"
}

// A change of the cache after the check comes too late.
func TestStart_runsTheFileThatWasVerified(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux runs an open file")
	}
	swaps := map[string]func(t *testing.T, daemon, evil string){
		"renamed over": func(t *testing.T, daemon, evil string) { must(t, os.Rename(evil, daemon)) },
		"removed, and made anew": func(t *testing.T, daemon, evil string) {
			must(t, os.Remove(daemon), os.Symlink(evil, daemon))
		},
		"its directory replaced": func(t *testing.T, daemon, evil string) {
			dir := filepath.Dir(daemon)
			must(t, os.Rename(dir, filepath.Join(t.TempDir(), "x")), os.Mkdir(dir, 0o755), os.Rename(evil, daemon))
		},
		"gone with the cache": func(t *testing.T, daemon, _ string) {
			must(t, os.RemoveAll(filepath.Dir(daemon)))
		},
	}
	for name, swap := range swaps {
		t.Run(name, func(t *testing.T) {
			in := Install{BundleDir: bundleOf(t, "1.102.5", shell(t)), CacheDir: t.TempDir(), Own: t.TempDir()}
			for _, when := range []string{"before it is linked", "after it is linked"} {
				b, err := in.Find(t.Context())
				must(t, err)
				evil := filepath.Join(t.TempDir(), "evil")
				write(t, evil, tattle("evil"))
				session := mustSession(t)
				c := Config{Binary: b, Dir: session.Path, Session: session}
				if when == "before it is linked" {
					swap(t, b.Daemon, evil)
				}
				must(t, c.prepare())
				if when != "before it is linked" {
					swap(t, b.Daemon, evil)
				}
				l := c.newLaunch()
				l.Args = []string{"-c", "echo good > ran"}
				p, err := l.start(false)
				must(t, err)
				<-p.exited
				if ran, err := os.ReadFile(filepath.Join(c.Dir, "ran")); string(ran) != "good\n" {
					t.Errorf("%s: %q ran, %v", when, ran, err)
				}
			}
		})
	}
}

// shell is the machine's shell: a program that is no script.
func shell(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sh")
	must(t, err)
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

// `tailscale` is there as long as the session.
func TestLinkCLI_survivesTheCache(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux links an open file")
	}
	server, address := packages(t, "1.98.4")
	for name, in := range map[string]Install{
		"the bundle": {BundleDir: bundleOf(t, "1.102.5", smallStandIn("1.102.5")), CacheDir: t.TempDir()},
		"a download": fromMirrorOf(t, server, address),
	} {
		t.Run(name, func(t *testing.T) {
			b := mustFind(t, in)
			session := t.TempDir()
			must(t, b.linkDaemon(session))
			cli := b.linkCLI(session)
			must(t, os.RemoveAll(in.CacheDir))
			for _, program := range []string{cli, filepath.Join(session, linkName)} {
				if _, err := askVersion(t.Context(), program, nil); err != nil || !contained(program, session) {
					t.Errorf("%s: %v", program, err)
				}
			}
		})
	}
}

// The host's program keeps its one name.
func TestLinkDaemon_linksToTheHostsBySymbolicLink(t *testing.T) {
	dir, session := hostWith(t, standIn("1.102.5")), t.TempDir()
	b := mustFind(t, Install{Path: dir})
	must(t, b.linkDaemon(session))
	if target, err := os.Readlink(filepath.Join(session, linkName)); target != b.Daemon {
		t.Errorf("got a link to %q, %v, want %s", target, err, b.Daemon)
	}
	if cli := b.linkCLI(session); cli != b.CLI {
		t.Errorf("got %s, want %s", cli, b.CLI)
	}
}

// Root runs no other file than the one that its caller verified.
func TestRootStart_refusesWhatTheCallerHasNotVerified(t *testing.T) {
	tests := map[string]struct {
		spoil func(t *testing.T, program string)
		why   string
	}{
		"another file":                      {func(t *testing.T, program string) { write(t, program, tattle("evil")) }, "was changed after it was verified"},
		"a file that others can write":      {func(t *testing.T, program string) { must(t, os.Chmod(program, 0o757)) }, "every user can write to it"},
		"a file that its group can write":   {func(t *testing.T, program string) { must(t, os.Chmod(program, 0o775)) }, "other users of its group can write to it"},
		"a third user's file":               {giveAway, "its owner could change it"},
		"the pipe of someone who waits":     {func(t *testing.T, program string) { must(t, os.Remove(program), syscall.Mkfifo(program, 0o700)) }, "not a regular file"},
		"the caller's file, as it verified": {func(*testing.T, string) {}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "tailscaled")
			write(t, program, tattle("good"))
			l := launch{Dir: t.TempDir(), SHA256: sum(tattle("good"))}
			must(t, alias(program, filepath.Join(l.Dir, linkName)))
			tt.spoil(t, program)
			in, err := json.Marshal(l)
			must(t, err)
			must(t, os.Chmod(l.Dir, 0o700))
			session, err := openRootSession(l.Dir, caller{uid: os.Geteuid()})
			must(t, err)
			defer session.close()
			_, err = rootStart(t.Context(), session, in)
			if tt.why == "" && err != nil || tt.why != "" && (err == nil || !strings.Contains(err.Error(), tt.why)) {
				t.Errorf("got error %v, want %q", err, tt.why)
			}
			if ran, err := os.ReadFile(filepath.Join(l.Dir, "ran")); (err == nil) != (tt.why == "") {
				t.Errorf("%q ran, %v", ran, err)
			}
		})
	}
}

func TestOpenVerified_takesOnlyRootsAndTheCallersFiles(t *testing.T) {
	program := filepath.Join(t.TempDir(), "tailscaled")
	write(t, program, tattle("good"))
	giveAway(t, program)
	for uid, ok := range map[int]bool{-1: false, 0: false, 1: false, stranger: true} {
		l := launch{Dir: t.TempDir(), SHA256: sum(tattle("good"))}
		must(t, alias(program, filepath.Join(l.Dir, linkName)))
		if err := l.openVerified(caller{uid: uid}); (err == nil) != ok {
			t.Errorf("caller %d: got error %v", uid, err)
		}
	}
}

func TestRootTask_actsForNoCallerThatSudoDoesNotName(t *testing.T) {
	for _, env := range []map[string]string{
		{},
		{"SUDO_UID": "x", "SUDO_GID": "1"},
		{"SUDO_UID": "1"},
		{"SUDO_UID": "1; id", "SUDO_GID": "1"},
	} {
		err := RootTask(t.Context(), func(name string) string { return env[name] }, []string{"stop", t.TempDir()}, strings.NewReader("{}"), io.Discard)
		if err == nil || !strings.Contains(err.Error(), "not called by sudo") {
			t.Errorf("%v: got error %v", env, err)
		}
	}
}

func TestCaller_isTheOperatorByTheNameThatSudoSays(t *testing.T) {
	tests := map[caller]string{
		{uid: 0}:                        "root",
		{uid: 73001, name: "dora"}:      "dora",
		{uid: 2000000007}:               "2000000007",
		{uid: 0, name: `CORP\\someone`}: `CORP\\someone`,
	}
	for c, want := range tests {
		if got := c.operator(); got != want {
			t.Errorf("%+v: got %q, want %q", c, got, want)
		}
	}
}

// A dependency of the job can put programs into node_modules/.bin, which is on
// the search path.
func TestFind_auto_runsNoProgramOfTheSearchPathButRoots(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "tailscaled"), "#!/bin/sh\ntouch "+dir+"/asked\necho 1.999.0\n")
	write(t, filepath.Join(dir, "tailscale"), standIn("1.999.0"))
	if os.Geteuid() == 0 {
		giveAway(t, dir)
	}
	in := Install{SearchPath: []string{dir}, Full: true, CacheDir: t.TempDir(), Packages: emptyServer(t), goos: "linux"}
	_, err := in.Find(t.Context())
	wantCode(t, err, "version-unknown")
	if host := Survey(t.Context(), []string{dir}); host.Program != "" {
		t.Errorf("doctor looks at %s", host.Program)
	}
	if _, err := os.Stat(filepath.Join(dir, "asked")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a program that is not root's was run")
	}
}

func TestFind_auto_runsNoProgramOfRootsThatOthersCanExchange(t *testing.T) {
	for _, mode := range []Mode{Auto, Never} {
		t.Run(mode.String(), func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "bin/tailscaled"), "#!/bin/sh\ntouch "+dir+"/asked\necho 1.999.0\n")
			write(t, filepath.Join(dir, "bin/tailscale"), standIn("1.999.0"))
			must(t, os.Chmod(filepath.Join(dir, "bin"), 0o777))
			in := Install{Mode: mode, SearchPath: []string{filepath.Join(dir, "bin")}, Full: true, CacheDir: t.TempDir(), Packages: emptyServer(t), goos: "linux", installers: rootAndUs()}
			_, err := in.Find(t.Context())
			wantCode(t, err, map[Mode]string{Auto: "version-unknown", Never: "not-installed"}[mode])
			if _, err := os.Stat(filepath.Join(dir, "asked")); !errors.Is(err, os.ErrNotExist) {
				t.Error("a program that others can exchange was run")
			}
		})
	}
}

func TestHold_refusesAnMSIThatWasChangedSinceItWasVerified(t *testing.T) {
	in := Install{SHA256: sum("genuine")}
	got := received{dir: t.TempDir(), path: "/stable/tailscale-setup-1.102.5-amd64.msi", hash: in.hashFor("")}
	got.hash.Write([]byte("genuine"))
	write(t, got.asReceived(), "genuine")
	held, err := in.hold(got)
	must(t, err)
	held.Close()
	write(t, got.asReceived(), "changed")
	if _, err := in.hold(got); !errors.Is(err, errMSIChanged) {
		t.Errorf("got error %v, want %v", err, errMSIChanged)
	}
}
