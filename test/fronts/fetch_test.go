//go:build linux

package fronts

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/test/platforms"
	"golang.org/x/sys/unix"
)

// Of any image: the shells that it may have, and what fetches there.
var images = []struct {
	name, shell string
	tools       []string
}{
	{"dash and curl", "dash", []string{"curl"}},
	{"dash and wget", "dash", []string{"wget"}},
	{"bash and curl", "bash", []string{"curl"}},
	{"busybox", "", nil},
}

func TestFetch_inAnyImage(t *testing.T) {
	for _, image := range images {
		t.Run(image.name, func(t *testing.T) {
			f := newFetching(t)
			f.shell, f.path = image.shell, toolbox(t, append(image.tools, image.shell)...)
			if image.shell == "" {
				f.shell, f.path = "sh", busybox(t)
			}
			dir := filepath.Join(f.home, ".cache", "tailjoin", "fetched-"+f.sums)
			f.want(t, 0, f.fetched(assets...)+filepath.Join(dir, program)+"\n")
			f.want(t, 0, filepath.Join(dir, program)+"\n")

			if diff := cmp.Diff(f.files, contents(t, dir)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if info, err := os.Stat(filepath.Join(dir, program)); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the program: %v, %v", info, err)
			}
		})
	}
}

func TestFetch_ofAProgramThatGzipPacked(t *testing.T) {
	f := newFetching(t)
	f.pack(t, f.files[program])
	dir := filepath.Join(f.home, ".cache", "tailjoin", "fetched-"+f.sums)
	fetched := append([]string{"SHA256SUMS", program + ".gz"}, assets[2:]...)
	f.want(t, 0, f.fetched(fetched...)+filepath.Join(dir, program)+"\n")
	f.want(t, 0, filepath.Join(dir, program)+"\n")
	want := maps.Clone(f.files)
	delete(want, program+".gz")
	if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestFetch_refusesWhatUnpacksToAnotherProgram(t *testing.T) {
	f := newFetching(t)
	f.pack(t, "#!/bin/sh\necho stolen\n")
	if out, status := f.run(t); status != 1 || !strings.Contains(out, "is not packed from the program of the release") {
		t.Errorf("got exit status %d and\n%s", status, out)
	}
	f.wantNothingUnverified(t)
}

func TestFetch_fromAMirror(t *testing.T) {
	f := newFetching(t)
	f.release = "https://releases.invalid/v1.2.3"
	f.env["TAILJOIN_RELEASES"] = f.URL
	if out, status := f.run(t); status != 0 || !strings.Contains(out, f.URL+"/v1.2.3/"+program) {
		t.Errorf("got exit status %d and\n%s", status, out)
	}
}

func TestFetch_refusesAnotherFile(t *testing.T) {
	for _, name := range assets {
		t.Run(name, func(t *testing.T) {
			f := newFetching(t)
			const stolen = "#!/bin/sh\necho stolen\n"
			f.serve(name, stolen)
			out, status := f.run(t)
			if status != 1 || !strings.Contains(out, name+" is not the file of the release: sha256 "+sum(stolen)) {
				t.Errorf("got exit status %d and\n%s", status, out)
			}
			f.wantNothingUnverified(t)
		})
	}
}

func TestFetch_saysWhatIsNotThere(t *testing.T) {
	for _, name := range assets {
		t.Run(name, func(t *testing.T) {
			f := newFetching(t)
			f.drop(name)
			out, status := f.run(t)
			if status != 1 || !strings.Contains(out, "cannot fetch "+f.URL+"/v1.2.3/"+name) || !strings.Contains(out, "TAILJOIN_RELEASES") {
				t.Errorf("got exit status %d and\n%s", status, out)
			}
			f.wantNothingUnverified(t)
		})
	}
}

func TestFetch_saysThatNothingCanFetch(t *testing.T) {
	f := newFetching(t)
	f.path = toolbox(t, "sh")
	out, status := f.run(t)
	if status != 1 || !strings.Contains(out, "curl or wget is needed") {
		t.Errorf("got exit status %d and\n%s", status, out)
	}
	f.wantNothingUnverified(t)
}

// A cancelled job's processes are signalled all at once.
func TestFetch_thatIsInterruptedLeavesNothing(t *testing.T) {
	for _, shell := range []string{"dash", "bash"} {
		t.Run(shell, func(t *testing.T) {
			f := newFetching(t)
			f.shell = shell
			f.hangs = program
			cmd := f.command(t)
			cmd.Stderr = new(bytes.Buffer) // so that Wait waits for every process of the group
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-f.hanging
			unix.Kill(-cmd.Process.Pid, unix.SIGTERM)
			if err := cmd.Wait(); err == nil {
				t.Error("it ended well")
			}
			f.wantNothingUnverified(t)
		})
	}
}

func TestFetch_doesNotTrustTheCache(t *testing.T) {
	f := newFetching(t)
	f.run(t)
	for _, name := range assets {
		file := filepath.Join(f.home, ".cache", "tailjoin", "fetched-"+f.sums, name)
		writeFile(t, file, "changed")
		f.want(t, 0, f.fetched(name)+filepath.Join(filepath.Dir(file), program)+"\n")
	}
}

func TestFetch_whereNoCacheCanBe(t *testing.T) {
	for name, homeless := range map[string]func(*testing.T, *fetching){
		"no home":                 func(_ *testing.T, f *fetching) { delete(f.env, "HOME") },
		"a home that is a file":   func(t *testing.T, f *fetching) { f.env["HOME"] = "/dev/null" },
		"a read-only file system": func(t *testing.T, f *fetching) { f.env["HOME"] = readOnly(t) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFetching(t)
			homeless(t, f)
			f.want(t, 0, f.fetched(assets...)+filepath.Join(f.temporary(), program)+"\n")
			f.want(t, 0, filepath.Join(f.temporary(), program)+"\n")
			if info, err := os.Stat(f.temporary()); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the directory: %v, %v", info, err)
			}
		})
	}
}

// In a directory that is for everybody, somebody else may have been first.
func TestFetch_usesNoDirectoryOfSomebodyElse(t *testing.T) {
	for name, occupy := range map[string]func(dir string) error{
		"theirs": func(dir string) error {
			if err := os.Mkdir(dir, 0o777); err != nil {
				return err
			}
			return os.Chown(dir, 65534, 65534)
		},
		"a link to one of ours": func(dir string) error { return os.Symlink(t.TempDir(), dir) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFetching(t)
			delete(f.env, "HOME")
			if err := occupy(f.temporary()); err != nil {
				t.Fatal(err)
			}
			out, status := f.run(t)
			if status != 1 || !strings.Contains(out, "no directory can be made for it") {
				t.Errorf("got exit status %d and\n%s", status, out)
			}
		})
	}
}

// Another user who can write to a directory above the cache can exchange it between the check of a file and its use.
func TestFetch_usesNoCacheThatOthersCanReplace(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, above string) error{
		"writable for all":             func(_ *testing.T, above string) error { return os.Chmod(above, 0o777) },
		"writable for the group":       func(_ *testing.T, above string) error { return os.Chmod(above, 0o775) },
		"of another user":              func(_ *testing.T, above string) error { return os.Chown(above, 65534, 65534) },
		"the cache is of another user": func(t *testing.T, above string) error { return os.Chown(madeDir(t, above, "tailjoin"), 65534, 65534) },
		"the cache is writable for all": func(t *testing.T, above string) error {
			return os.Chmod(madeDir(t, above, "tailjoin"), 0o777)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFetching(t)
			above := madeDir(t, f.home, "shared cache")
			f.env["XDG_CACHE_HOME"] = above
			if err := spoil(t, above); err != nil {
				t.Fatal(err)
			}
			f.want(t, 0, f.fetched(assets...)+filepath.Join(f.temporary(), program)+"\n")
		})
	}
}

// madeDir makes a directory of mode 0755.
func madeDir(t *testing.T, parent, name string) string {
	t.Helper()
	dir := filepath.Join(parent, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFetch_usesADirectoryBelowAStickyOne(t *testing.T) {
	f := newFetching(t)
	delete(f.env, "HOME")
	if err := os.Chmod(f.temp, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	f.want(t, 0, f.fetched(assets...)+filepath.Join(f.temporary(), program)+"\n")
}

func TestFetch_fromADirectory(t *testing.T) {
	machine := t.TempDir()
	for _, releases := range []string{filepath.Join(machine, "releases"), "D:/releases", `D:\releases`} {
		t.Run(filepath.Base(releases), func(t *testing.T) {
			f := newFetching(t)
			f.dir = machine
			for name, text := range f.files {
				writeFile(t, filepath.Join(machine, strings.TrimPrefix(releases, machine), "v1.2.3", name), text)
			}
			f.env["TAILJOIN_RELEASES"] = releases
			if out, status := f.run(t); status != 0 || len(f.requests.All()) > 0 {
				t.Errorf("got exit status %d, requests %v and\n%s", status, f.requests.All(), out)
			}
		})
	}
}

func TestFetch_saysThatNothingCanVerify(t *testing.T) {
	f := newFetching(t)
	f.path = without(t, toolbox(t, "sh", "curl"), "sha256sum")
	out, status := f.run(t)
	if status != 1 || !strings.Contains(out, "sha256sum or shasum is needed") {
		t.Errorf("got exit status %d and\n%s", status, out)
	}
	f.wantNothingUnverified(t)
}

func without(t *testing.T, dir, tool string) string {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, tool)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFetch_takesTheFilesThatAreThere(t *testing.T) {
	f := newFetching(t)
	f.release, f.sums = "", "" // of no release: main, a fork
	f.env["TAILJOIN_HOME"] = f.home
	writeFile(t, filepath.Join(f.home, program), "#!/bin/sh\n")
	f.want(t, 1, "tailjoin: there is no "+program+" in TAILJOIN_HOME, which is "+f.home+"\n")
	if err := os.Chmod(filepath.Join(f.home, program), 0o755); err != nil {
		t.Fatal(err)
	}
	f.want(t, 0, filepath.Join(f.home, program)+"\n")
	if got := f.requests.All(); len(got) > 0 {
		t.Errorf("it fetched %v", got)
	}
}

func TestFetch_ofNoReleaseSaysSo(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "scripts/fetch.sh")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "of no release") || !strings.Contains(string(out), "TAILJOIN_HOME") {
		t.Errorf("got %v and\n%s", err, out)
	}
}

func TestFetch_onOtherPlatforms(t *testing.T) {
	type machine struct{ system, machine, want string }
	machines := []machine{
		{"Linux", "s390x", "there is no build for s390x"},
		{"Linux", "armv5tel", "there is no build for armv5tel"},
		{"FreeBSD", "amd64", "there is no build for FreeBSD"},
		{"Linux", "arm64", "this release has no build for linux/arm64"}, // SHA256SUMS names this machine's alone
	}
	for _, p := range platforms.All(t, root) {
		for _, name := range p.Machines {
			for _, system := range p.Systems() {
				machines = append(machines, machine{system, name, p.Program()})
			}
		}
	}
	for _, machine := range machines {
		t.Run(machine.system+" "+machine.machine, func(t *testing.T) {
			f := newFetching(t)
			writeFile(t, filepath.Join(f.home, "bin", "uname"), `#!/bin/sh
[ "$1" = -m ] && echo `+machine.machine+` || echo `+machine.system+"\n")
			if err := os.Chmod(filepath.Join(f.home, "bin", "uname"), 0o755); err != nil {
				t.Fatal(err)
			}
			f.path = filepath.Join(f.home, "bin") + ":" + f.path
			if strings.HasPrefix(machine.want, "tailjoin-") {
				f.env["TAILJOIN_HOME"] = f.home // where it is not
			}
			if out, status := f.run(t); status != 1 || !strings.Contains(out, machine.want) {
				t.Errorf("got exit status %d and\n%s", status, out)
			}
		})
	}
}

// The text is pasted between the lines of a user's script.
func TestFetch_changesNothingOfTheShellAroundIt(t *testing.T) {
	for _, shell := range []string{"dash", "bash"} {
		t.Run(shell, func(t *testing.T) {
			f := newFetching(t)
			f.shell = shell
			f.around = `
trap 'echo of the user' EXIT
home=mine
%s
path=$(tailjoin_fetch)
echo "$home ${release-none} ${new-none} $-"
set +e
`
			out, status := f.run(t)
			got := strings.TrimPrefix(out, f.fetched(assets...))
			flags := map[string]string{"dash": "e", "bash": "ehB"}[shell]
			if want := "mine none none " + flags + "\nof the user\n"; got != want || status != 0 {
				t.Errorf("got exit status %d and %q, want %q", status, got, want)
			}
		})
	}
}
