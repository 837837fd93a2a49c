//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// A ciMachine is a root directory, with devices, users and disks of its own, that
// lasts as long as its test. It shares processes and the network with the test. The
// paths of its world are as the test sees them, below root.
type ciMachine struct {
	*world
	profile
	peer *localtailnet.Peer
}

// layout makes a machine below $R that is a plain Linux, on a disk of its own:
// the programs and libraries of this machine, read-only, and all else empty or
// a copy. $PROGRAM and $BUNDLE are tailjoin's.
const layout = `set -eu
mount -t tmpfs -o mode=755 tmpfs "$R"
cd "$R"
for dir in /bin /sbin /lib /lib32 /lib64 /libx32; do
	[ ! -L $dir ] || cp -P $dir .
	[ -L $dir ] || [ ! -d $dir ] || { mkdir .$dir; mount --bind $dir .$dir; mount -o remount,bind,ro .$dir; }
done
mkdir -p usr proc dev/net dev/shm run tmp home opt/hostedtoolcache root var/lib var/tmp
mount --bind /usr usr
mount -o remount,bind,ro usr
mount -t tmpfs -o mode=755 tmpfs usr/local/bin
cp -a /etc .
rm -f etc/resolv.conf
printf 'nameserver 127.0.0.1\n' >etc/resolv.conf
chmod 1777 tmp var/tmp dev/shm
mount -t tmpfs -o mode=755 tmpfs run
ln -s /run var/run
mount --rbind /proc proc
for device in null zero full random urandom tty; do
	: >dev/$device
	mount --bind /dev/$device dev/$device
done
tun() {
	: >dev/net/tun
	mount --bind /dev/net/tun dev/net/tun
	chmod 666 dev/net/tun 2>/dev/null || true
}
host() { # a tailscaled of its own
	: >usr/local/bin/tailscaled
	mount --bind "$DAEMON" usr/local/bin/tailscaled
	ln -s tailscaled usr/local/bin/tailscale
	mkdir run/tailscale
	mount --bind /run/tailscale run/tailscale
}
user() { # NAME UID HOME
	echo "$1:x:$2:$2::$3:/bin/sh" >>etc/passwd
	echo "$1:x:$2:" >>etc/group
	echo "$1:*:20000:0:99999:7:::" >>etc/shadow
	mkdir -p ".$3"
	chown "$2:$2" ".$3"
}
sudoer() { echo "$1 ALL=(ALL) ${2:-NOPASSWD: ALL}" >etc/sudoers.d/"$1"; }
owned() { # UID DIR...
	uid=$1
	shift
	for dir; do
		mkdir -p ".$dir"
		chown "$uid:$uid" ".$dir"
	done
}
mkdir -p actions/dist
mount --bind "$BUNDLE" actions/dist
: >actions/tailjoin
mount --bind "$PROGRAM" actions/tailjoin
`

// hold ends the layout of a machine: the process in which it lasts.
const hold = `
cd "$R"
mkdir old
pivot_root . old
exec chroot . /bin/sh -c 'umount -l /old; rmdir /old; echo ready; exec sleep infinity'
`

const selfInMachine = "/actions/tailjoin"

// newMachine makes a profile's machine, and a job on it.
func newMachine(t *testing.T, p profile, opts localtailnet.Options) *ciMachine {
	t.Helper()
	m := &ciMachine{world: newWorld(t, opts), profile: p}
	if p.beside {
		m.mustHost()
	}
	m.root = m.mustHold()
	for name, value := range p.variables() {
		m.vars[name] = value
	}
	for _, unset := range p.unset {
		delete(m.vars, unset)
	}
	m.dir = filepath.Join(m.root, p.temp)
	m.session = filepath.Join(m.dir, p.sessionName())
	m.cached = filepath.Join(m.root, p.variables()["RUNNER_TOOL_CACHE"])
	m.self, m.user, m.look = selfInMachine, p.uid, m.addTraces
	m.under = m.enter(p.as...)
	m.mustPrepareJob()
	if p.setup != nil {
		p.setup(m)
	}
	if said, err := m.step("sh", "-c", p.prepare); err != nil {
		t.Fatalf("%s: %v\n%s", p.prepare, err, said)
	}
	return m
}

// mustHold starts the process that keeps the machine, and returns the machine's
// root.
func (m *ciMachine) mustHold() string {
	m.t.Helper()
	packed := bundle(m.t)
	if err := os.Chmod(packed, 0o755); err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", layout+m.build+hold)
	cmd.Args[len(cmd.Args)-1] = strings.Replace(cmd.Args[len(cmd.Args)-1], "echo ready", cmp.Or(m.seal, ":")+"\necho ready", 1)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "R=" + shortDir(m.t), "PROGRAM=" + os.Getenv(tailjoin), "BUNDLE=" + packed, "LONG=" + long, "DAEMON=" + os.Getenv(daemon)}
	var words bytes.Buffer
	cmd.Stderr = &words
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		m.run("leave")
		cmd.Process.Kill()
		cmd.Wait()
	})
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		cmd.Wait()
		m.t.Fatalf("making the machine: %s%s", line, words.String())
	}
	return fmt.Sprintf("/proc/%d/root", cmd.Process.Pid)
}

// enter is the command that runs another on the machine, by way of words.
func (m *ciMachine) enter(words ...string) []string {
	return append([]string{"nsenter", "--mount=" + strings.Replace(m.root, "/root", "/ns/mnt", 1), "--root=" + m.root, "--wdns=/"}, words...)
}

// mustPrepareJob makes what the runner makes before a job's steps.
func (m *ciMachine) mustPrepareJob() {
	m.t.Helper()
	owner, err := os.Stat(m.dir)
	for _, file := range []string{"output", "path", "summary", "env"} {
		path := filepath.Join(m.dir, file)
		if err == nil {
			err = os.WriteFile(path, nil, 0o600)
		}
		if err == nil {
			err = os.Chown(path, m.uid, m.uid)
		}
	}
	if err != nil {
		m.t.Fatal(err, owner)
	}
}

// step runs a command as a later step does.
func (m *ciMachine) step(words ...string) (out string, err error) {
	added, err := os.ReadFile(filepath.Join(m.dir, "path"))
	if err != nil {
		return "", err
	}
	path := m.vars["PATH"]
	for line := range strings.Lines(string(added)) {
		if filepath.IsAbs(line) { // and not the delimiter of an entry
			path = strings.TrimSpace(line) + ":" + path
		}
	}
	words = slices.Concat(m.under, []string{"/usr/bin/env", "PATH=" + path}, words)
	said, err := m.command(words[0], words[1:]...).CombinedOutput()
	return string(said), err
}

// addTraces adds all that a job could leave on the machine.
func (m *ciMachine) addTraces(traces map[string]string) {
	m.t.Helper()
	traces["files"] = strings.Join(m.files(), "\n")
	resolv, _ := os.ReadFile(filepath.Join(m.root, "etc/resolv.conf"))
	traces["resolv.conf"] = string(resolv)
	if m.beside {
		traces["host"] = m.hostState()
	}
}

// hostState is what a job could have changed of the host's own tailscaled.
func (m *ciMachine) hostState() string {
	m.t.Helper()
	cli := filepath.Join(filepath.Dir(os.Getenv(daemon)), "tailscale")
	out, err := exec.Command("sh", "-c", cli+" debug prefs && "+cli+" status --peers=false").CombinedOutput()
	if err != nil {
		m.t.Errorf("asking the host's tailscaled: %v\n%s", err, out)
	}
	return strings.Replace(string(out), onlyLo, "", 1)
}

// ours are the paths on a machine that a job may leave: what the cache is kept
// for, and what sudo notes.
var ours = regexp.MustCompile(`^(/proc|/dev/pts|/run/sudo|/var/lib/sudo)(/|$)`)

// files are the files of the machine, except what a job may leave.
func (m *ciMachine) files() (paths []string) {
	for _, disk := range []string{"", "usr/local/bin", "run"} {
		paths = append(paths, m.filesBelow(filepath.Join(m.root, disk))...)
	}
	return paths
}

func (m *ciMachine) filesBelow(disk string) (paths []string) {
	var device uint64
	err := filepath.WalkDir(disk+"/", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		if device == 0 {
			device = stat.Dev
		}
		inside := m.inside(path)
		switch {
		case stat.Dev != device && entry.IsDir(), ours.MatchString(inside):
			return skip(entry)
		case path == filepath.Dir(m.cache()):
			paths = append(paths, inProgress(m.cache())...)
			return skip(entry)
		}
		paths = append(paths, fmt.Sprintf("%s %v %d", inside, info.Mode(), stat.Uid))
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return paths
}

func skip(entry fs.DirEntry) error {
	if entry.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// variables are the environment of a job on the machine.
func (p profile) variables() map[string]string {
	vars := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME": "/root", "RUNNER_TEMP": p.temp, "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
		"GITHUB_OUTPUT": p.temp + "/output", "GITHUB_PATH": p.temp + "/path", "GITHUB_STEP_SUMMARY": p.temp + "/summary",
		"TAILJOIN_SESSION": filepath.Join(p.temp, p.sessionName()), "TAILJOIN_TAILSCALE_PATH": "", "TAILJOIN_BUNDLE": "/actions/dist",
	}
	maps.Copy(vars, p.env)
	return vars
}

// sessionName is the name of the directory that the action's hook makes.
func (p profile) sessionName() string { return "tj-a1b2c3" }
