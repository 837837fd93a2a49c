//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// A profile is a kind of machine that CI gives to jobs, and what a join is to do
// there. docs/machines.md tells users the same.
type profile struct {
	name    string
	models  string // what of it is real, and where that is documented
	build   string // shell commands that change a plain layout; see there
	uid     int    // of the job's user
	as      []string
	temp    string            // RUNNER_TEMP
	env     map[string]string // of the job, beside what every job has
	unset   []string          // of the job's variables
	prepare string            // a command that the job's user ran before

	network string   // "tun" or "userspace"; "" if the join is to fail
	says    []string // words of the join
	code    string   // of the error with which the join is to fail
	foreign bool     // the session's place is another user's: leave says so, and touches nothing
	noNames bool     // peers are to be reached by address only
	cli     string   // how a later step calls tailscale, if not by its name
	seal    string   // shell commands that run last, inside the machine
	setup   func(*ciMachine)
	beside  bool // a tailscaled of the host runs, and must not notice the job
	check   func(*ciMachine)
}

var (
	asUser = func(uid string, more ...string) []string {
		return append([]string{"/usr/bin/setpriv", "--reuid=" + uid, "--regid=" + uid, "--clear-groups"}, more...)
	}
	asContainerRoot = func(more string) []string {
		return []string{"/usr/bin/setpriv", "--inh-caps=-all", "--bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid," +
			"+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap" + more}
	}
)

// hostedVM is the part of GitHub's VM that other profiles have too.
const hostedVM = `
user runner 1001 /home/runner
sudoer runner
owned 1001 /home/runner/work /home/runner/work/_temp /opt/hostedtoolcache
`

// actionContainer has the directories of a runner, which belong to its user, in
// a container whose steps are root's. Docker mounts resolv.conf, hostname and
// hosts as files, so that they can be written and not replaced.
const actionContainer = `
owned 1001 /__w /__w/_temp /__t /github/home
mkdir root/_temp
printf 'nameserver 127.0.0.11\n' >dev/shm/resolv.conf
mount --bind dev/shm/resolv.conf etc/resolv.conf
`

// long is a work directory as deep as a service's may be: a Unix socket's path
// ends at 107 bytes.
const long = "/srv/Läufer für Integration/actions-runner-linux-x64-2.336.0/_work/acme-web-shop-frontend/acme-web-shop-frontend/_temp"

// disk is a hosted VM's user without sudo or device, and a disk of its own.
func disk(mount string) string {
	return "user runner 1001 /home/runner\nowned 1001 /home/runner/work/_temp\n" + mount + "\n"
}

var profiles = []profile{
	{
		name: "GitHub VM",
		models: "uid 1001 with passwordless sudo, the VM's directories, and resolv.conf as a link to the stub of systemd-resolved, which does not run here." +
			" https://docs.github.com/actions/reference/runners/github-hosted-runners, https://github.com/actions/runner-images",
		build: hostedVM + `
tun
mkdir -p run/systemd/resolve
mv etc/resolv.conf run/systemd/resolve/stub-resolv.conf
ln -s ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf
`,
		uid: 1001, as: asUser("1001"), temp: "/home/runner/work/_temp", env: map[string]string{"HOME": "/home/runner"},
		network: "tun",
	},
	{
		name: "GitHub container job",
		models: "root with Docker's default capabilities, directories of the runner's user, resolv.conf mounted as a file, no sudo." +
			" https://docs.github.com/actions/how-tos/write-workflows/choose-where-workflows-run/run-jobs-in-a-container, ContainerOperationProvider.cs of actions/runner",
		build: actionContainer, as: asContainerRoot(""), temp: "/__w/_temp",
		env:     map[string]string{"HOME": "/github/home", "RUNNER_TOOL_CACHE": "/__t"},
		network: "userspace", says: []string{"there is no /dev/net/tun"},
	},
	{
		name:    "GitHub container job with --device /dev/net/tun --cap-add NET_ADMIN",
		models:  "as above, with what examples/github/container.yml gives it",
		build:   actionContainer + "tun\n",
		as:      asContainerRoot(",+net_admin"),
		temp:    "/__w/_temp",
		env:     map[string]string{"HOME": "/github/home", "RUNNER_TOOL_CACHE": "/__t"},
		network: "tun",
	},
	{
		name:    "GitHub container job with --device /dev/net/tun",
		models:  "the device without the capability",
		build:   actionContainer + "tun\n",
		as:      asContainerRoot(""),
		temp:    "/__w/_temp",
		env:     map[string]string{"HOME": "/github/home", "RUNNER_TOOL_CACHE": "/__t"},
		network: "userspace", says: []string{"root lacks the capability NET_ADMIN"},
	},
	{
		name: "ARC pod",
		models: "uid 1001 with passwordless sudo in a pod: no device, Docker's default capabilities." +
			" https://github.com/actions/runner/blob/main/images/Dockerfile, https://docs.github.com/actions/how-tos/manage-runners/use-actions-runner-controller",
		build: hostedVM, uid: 1001, as: asUser("1001", asContainerRoot("")[1:]...), temp: "/home/runner/work/_temp", env: map[string]string{"HOME": "/home/runner"},
		network: "userspace", says: []string{"there is no /dev/net/tun"},
	},
	{
		name:   "Kubernetes pod without sudo",
		models: "any uid, which no file names, no capability and no_new_privs, HOME=/. https://docs.openshift.com/container-platform/latest/openshift_images/create-images.html",
		build: `
owned 1000660000 /runner/_work/_temp /runner/_tool
`,
		uid: 1000660000, as: asUser("1000660000", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"), temp: "/runner/_work/_temp",
		env:     map[string]string{"HOME": "/", "RUNNER_TOOL_CACHE": "/runner/_tool"},
		network: "userspace",
		says:    []string{"there is no /dev/net/tun"},
	},
	{
		name:   "sudo without NET_ADMIN",
		models: "a container with --device /dev/net/tun whose user has passwordless sudo, as ARC's dind mode with a device plugin",
		build:  hostedVM + "tun\n", uid: 1001, as: asUser("1001", "--inh-caps=-all", "--bounding-set=-net_admin"), temp: "/home/runner/work/_temp",
		env:     map[string]string{"HOME": "/home/runner"},
		network: "userspace", says: []string{"root lacks the capability NET_ADMIN"},
	},
	{
		name:    "root of a user namespace",
		models:  "rootless podman with --privileged --network host: root, with capabilities that do not hold over the network",
		build:   "tun\nmkdir -p root/temp root/tools\n",
		as:      []string{"/usr/bin/unshare", "--user", "--map-root-user"},
		temp:    "/root/temp",
		env:     map[string]string{"RUNNER_TOOL_CACHE": "/root/tools"},
		network: "userspace", says: []string{"root lacks the capability NET_ADMIN over this network"},
	},
	{
		name: "directory user",
		models: "a user whom no file names, with sudo: by nss-systemd's records here, as by LDAP or Active Directory. USER is another's." +
			" https://systemd.io/USER_RECORD, nss-systemd(8)",
		build: `
sudoer dora
owned 73001 /home/dora/_temp /opt/hostedtoolcache
tun
mkdir -p etc/userdb
echo '{"userName":"dora","uid":73001,"gid":73001,"homeDirectory":"/home/dora","shell":"/bin/sh","disposition":"regular"}' >etc/userdb/dora.user
echo '{"groupName":"dora","gid":73001,"disposition":"regular"}' >etc/userdb/dora.group
for kind in user group; do ln -s dora.$kind etc/userdb/73001.$kind; done
`,
		uid: 73001, as: asUser("73001"), temp: "/home/dora/_temp", env: map[string]string{"HOME": "/home/dora", "USER": `CORP\nobody`},
		network: "tun",
	},
	{
		name:   "sudo that remembers a password",
		models: "a person's machine as a runner, where sudo was used a moment ago. sudo(8), timestamp_timeout in sudoers(5)",
		build: hostedVM + `
tun
sudoer runner 'PASSWD: ALL'
echo 'Defaults timestamp_type=global' >etc/sudoers.d/remember
sed -i 's/^runner:[*]:/runner:$1$tj$IL.Wg2RI891PX6rG.9PmW.:/' etc/shadow
`,
		prepare: "echo secret | sudo -S -v 2>&1 && sudo -n true",
		uid:     1001, as: asUser("1001"), temp: "/home/runner/work/_temp", env: map[string]string{"HOME": "/home/runner"},
		network: "userspace", says: []string{"sudo: a password is required"},
	},
	{
		name:   "sudo for one program",
		models: "sudoers of a company, which allows single programs without a password. sudoers(5)",
		build:  hostedVM + "tun\nsudoer runner 'NOPASSWD: /usr/bin/true'\n",
		uid:    1001, as: asUser("1001"), temp: "/home/runner/work/_temp", env: map[string]string{"HOME": "/home/runner"},
		network: "userspace", says: []string{"sudo: a password is required"},
	},
	{
		name:   "sudo for tailjoin only",
		models: "as above, where the program is tailjoin",
		build:  hostedVM + "tun\nsudoer runner 'NOPASSWD: " + selfInMachine + " root *'\n",
		uid:    1001, as: asUser("1001"), temp: "/home/runner/work/_temp", env: map[string]string{"HOME": "/home/runner"},
		network: "tun",
	},
	{
		name:   "resolv.conf on a read-only mount",
		models: "a container whose orchestrator mounts the file read-only",
		build:  actionContainer + "tun\nmount -o remount,bind,ro etc/resolv.conf\n", as: asContainerRoot(",+net_admin"), temp: "/root/_temp",
		network: "tun", says: []string{"::warning", "names of the tailnet do not resolve", "/etc/resolv.conf: read-only file system", "100.100.100.100"},
		noNames: true,
	},
	{
		name:   "no resolv.conf, and /etc read-only",
		models: "an image without the file, run with --read-only by a runtime that does not mount it",
		build:  "tun\nrm etc/resolv.conf\nmkdir root/_temp\nmount --bind etc etc\nmount -o remount,bind,ro etc\n", as: asContainerRoot(",+net_admin"), temp: "/root/_temp",
		network: "tun", says: []string{"::warning", "names of the tailnet do not resolve", "stat /etc/resolv.conf: no such file", "/etc: read-only file system"},
		noNames: true,
	},
	{
		name: "self-hosted service",
		models: "an ordinary user without sudo, a host with its own tailscaled, a work directory whose path is long and has spaces and an ü, no HOME." +
			" https://docs.github.com/actions/how-tos/manage-runners/self-hosted-runners/configure-the-application",
		build: `
user svc 1002 /home/svc
owned 1002 "$LONG" /opt/tools
tun
host
`,
		uid: 1002, as: asUser("1002"), temp: long, env: map[string]string{"RUNNER_TOOL_CACHE": "/opt/tools"}, unset: []string{"HOME"},
		beside: true, network: "userspace", says: []string{"a tailscaled runs on this machine"},
	},
	{
		name:   "self-hosted service of root",
		models: "as above, where the service was installed without a user: its daemon has to run without rights",
		build: `
mkdir -p "./$LONG" opt/tools
tun
host
`,
		temp: long, env: map[string]string{"RUNNER_TOOL_CACHE": "/opt/tools"}, unset: []string{"HOME"},
		beside: true, network: "userspace", says: []string{"a tailscaled runs on this machine"},
	},
	{
		name:   "long work directory with an interface",
		models: "as above, without a tailscaled of the host",
		build:  hostedVM + "tun\nowned 1001 \"$LONG\"\n",
		uid:    1001, as: asUser("1001"), temp: long, env: map[string]string{"HOME": "/home/runner"},
		network: "tun",
	},
	{
		name:   "long work directory and no directory with a short path",
		models: "as above, where /tmp and the like belong to others",
		build:  "user svc 1002 /home/svc\nowned 1002 \"$LONG\"\nchmod 755 tmp var/tmp dev/shm\n",
		uid:    1002, as: asUser("1002"), temp: long, env: map[string]string{"TMPDIR": long},
		code: "input-invalid", says: []string{"too long for a Unix socket", "no directory with a short path"},
	},
	{
		name:   "home directory that cannot be written",
		models: "a service account whose home is root's, and no tool cache. https://systemd.io/, DynamicUser in systemd.exec(5)",
		build:  "user svc 1002 /home/svc\nchown 0:0 home/svc\nowned 1002 /work/_temp\n",
		uid:    1002, as: asUser("1002"), temp: "/work/_temp", env: map[string]string{"HOME": "/home/svc"}, unset: []string{"RUNNER_TOOL_CACHE"},
		network: "userspace", says: []string{"::warning"},
	},
	{
		name:   "work directory on a disk without programs",
		models: "RUNNER_TEMP mounted noexec, a tool cache that is not",
		build:  disk("chown 1001 opt/hostedtoolcache\nmount -t tmpfs -o noexec,uid=1001 tmpfs home/runner/work/_temp"),
		uid:    1001, as: asUser("1001"), temp: "/home/runner/work/_temp",
		network: "userspace", says: []string{"::warning", "`tailscale` cannot be run by its name", "noexec"},
		cli: "/opt/hostedtoolcache/tailjoin/tailscaled/*/*/tailscale",
	},
	{
		name:   "read-only root",
		models: "readOnlyRootFilesystem in a pod, with a volume for work. https://kubernetes.io/docs/tasks/configure-pod-container/security-context",
		build:  "mkdir -p runner/_work\nmount -t tmpfs -o uid=1001 tmpfs runner/_work\nowned 1001 /runner/_work/_temp\n", seal: "mount -o remount,bind,ro /",
		uid: 1001, as: asUser("1001", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"), temp: "/runner/_work/_temp",
		network: "userspace", says: []string{"::warning"},
	},
	{
		name:   "shared shell executor",
		models: "jobs of two users at the same time. https://docs.gitlab.com/runner/executors/shell",
		build:  "user ada 1003 /home/ada\nuser ben 1004 /home/ben\nowned 1003 /home/ada/_temp /home/ada/tools\nowned 1004 /home/ben/_temp\n",
		uid:    1003, as: asUser("1003"), temp: "/home/ada/_temp", env: map[string]string{"HOME": "/home/ada", "RUNNER_TOOL_CACHE": "/home/ada/tools"},
		network: "userspace", check: (*ciMachine).anotherUserJoinsAndLeaves,
	},
	{
		name:   "shared shell executor where another user made the place",
		models: "as above, where one user prepares in /tmp what the job of another will use",
		build:  "user ada 1003 /home/ada\nowned 1004 /tmp/tailjoin-42 /tmp/tailjoin-42/tj-a1b2c3\n",
		uid:    1003, as: asUser("1003"), temp: "/tmp/tailjoin-42", env: map[string]string{"HOME": "/home/ada"},
		code: "session-foreign", says: []string{"/tmp/tailjoin-42"}, foreign: true,
	},
	{
		name:   "company network",
		models: "a proxy is the only way out, takes CONNECT to port 443 only, and opens TLS by its own authority. tailscaled and tailjoin know it by HTTPS_PROXY and SSL_CERT_FILE. https://tailscale.com/docs/reference/tls-proxies",
		build:  hostedVM,
		uid:    1001, as: asUser("1001"), temp: "/home/runner/work/_temp",
		env:     map[string]string{"HOME": "/home/runner", "TAILJOIN_PROXY_ENV": "true", "GITHUB_ENV": "/home/runner/work/_temp/env"},
		network: "userspace", says: []string{"names a proxy of this machine, which is kept"},
		setup: func(m *ciMachine) {
			c := m.mustCompany()
			m.t.Cleanup(func() {
				c.wantAsked("api.tailscale.com", "controlplane.tailscale.com")
				m.wantProxyKept()
			})
		},
	},
	{
		name:   "busybox only",
		models: "an image of busybox: no bash, curl, certificates, /etc/passwd; uid 0 with Docker's rights. https://hub.docker.com/_/busybox",
		build: `
umount usr/local/bin usr bin sbin lib lib64 2>/dev/null || true
rm -rf bin sbin lib lib32 lib64 libx32 usr etc/ssl etc/passwd etc/group etc/nsswitch.conf
mkdir -p bin lib lib64 usr/bin usr/local/bin root/temp
cp /usr/bin/busybox bin/
for lib in $(ldd /usr/bin/busybox | grep -o '/[^ ]*'); do cp --parents -L $lib .; done
mkdir -p usr/sbin root/tools
chroot . /bin/busybox --install -s /bin
ln -s /bin/env usr/bin/env
`,
		as: nil, temp: "/root/temp", env: map[string]string{"PATH": "/bin", "RUNNER_TOOL_CACHE": "/root/tools"},
		network: "userspace", says: []string{"there is no /dev/net/tun"},
	},
}

func TestMachine(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name, func(t *testing.T) { p.wantScenario(t, 3, 2, 1) })
	}
}

// wantScenario joins, reaches a peer by name, and leaves. Then it joins again for
// each of the parts, is killed after that many quarters of the changes that a
// join makes, and leaves. A profile without a network is refused.
func (p profile) wantScenario(t *testing.T, parts ...int) {
	t.Helper()
	m := newMachine(t, p, localtailnet.Options{})
	m.peer = m.mustPeer(localtailnet.PeerOptions{})
	before := m.traces()
	if p.network == "" {
		m.wantRefusal(before)
		return
	}
	whole := m.wantJoin()
	m.wantPage()
	m.wantLeave(before, whole)
	for _, part := range parts {
		killed := m.killAt(moment{change: max(1, whole.changes*part/4), blows: []blow{{syscall.SIGKILL, 0}}}, "join")
		m.wantLeave(before, killed)
	}
}

// wantJoin joins, as the profile has it.
func (m *ciMachine) wantJoin() death {
	m.t.Helper()
	joined := m.killAt(never, "join")
	if joined.status != 0 {
		m.t.Fatalf("join ended with %d:\n%s", joined.status, joined.text())
	}
	if network := m.outputs()["network"]; network != m.network {
		m.t.Errorf("network %q, want %q:\n%s", network, m.network, joined.text())
	}
	wantWords(m.t, joined.finished, m.says...)
	if m.check != nil {
		m.check(m)
	}
	return joined
}

// anotherUserJoinsAndLeaves has the second user of a machine do so.
func (m *ciMachine) anotherUserJoinsAndLeaves() {
	m.t.Helper()
	other := m.enter(append(asUser("1004"), "/usr/bin/env", "HOME=/home/ben", "RUNNER_TEMP=/home/ben/_temp", "RUNNER_TOOL_CACHE=/home/ben/tools",
		"TAILJOIN_SESSION=/home/ben/_temp/session", "GITHUB_OUTPUT=/dev/null", "GITHUB_PATH=/dev/null", "GITHUB_STEP_SUMMARY=/dev/null")...)
	for _, verb := range []string{"join", "leave"} {
		words := append(other, m.self, verb)
		if got := m.finish(m.command(words[0], words[1:]...)); got.status != 0 || strings.Contains(got.words, "::warning") {
			m.t.Errorf("the other user's %s ended with %d:\n%s", verb, got.status, got.text())
		}
	}
	os.RemoveAll(filepath.Join(m.root, "home/ben/tools"))
}

// fetch are commands that fetch the peer's page by its name with what every
// machine has. $1 is the proxy's address. (Debian's busybox wget crashes here.)
var fetch = map[string]string{
	"tun":       "busybox nc -w 10 $1 80 -e /bin/sh -c \"printf 'GET / HTTP/1.0\\r\\n\\r\\n'; cat >&2\"",
	"userspace": "busybox nc -w 10 127.0.0.1 ${2##*:} -e /bin/sh -c \"printf 'GET http://$1/ HTTP/1.0\\r\\n\\r\\n'; cat >&2\"",
}

// wantPage has a later step reach a peer by name, and `tailscale` know it.
func (m *ciMachine) wantPage() {
	m.t.Helper()
	peer := "my-server"
	if m.noNames {
		peer = m.peer.IP.String()
	}
	if page, err := m.step("sh", "-c", fetch[m.network], "fetch", peer, m.outputs()["http-proxy"]); err != nil || !strings.Contains(page, "tag:ci") {
		m.t.Errorf("fetching the peer's page: %v\n%s", err, page)
	}
	cli := "tailscale"
	if m.beside { // the name means the host's
		cli += " --socket='" + m.outputs()["socket"] + "'"
	}
	if m.cli != "" {
		cli = m.cli + " --socket='" + m.outputs()["socket"] + "'"
	}
	if status, err := m.step("sh", "-c", cli+" status"); err != nil || !strings.Contains(status, "my-server") {
		m.t.Errorf("tailscale status: %v\n%s", err, status)
	}
}

// wantLeave leaves, after what was done, and wants nothing left.
func (m *ciMachine) wantLeave(before map[string]string, did death) {
	m.t.Helper()
	left := m.run("leave")
	if !m.foreign && (left.status != 0 || strings.Contains(left.words, "::warning")) || m.foreign && left.code() != m.code {
		m.t.Errorf("leave ended with %d:\n%s\nafter %v", left.status, left.text(), did)
	}
	if d := cmp.Diff(before, m.traces()); d != "" {
		m.t.Errorf("something is left (-before +after):\n%s\nafter %v", d, did)
	}
}

// wantRefusal fails to join, with the documented error.
func (m *ciMachine) wantRefusal(before map[string]string) {
	m.t.Helper()
	got := death{verb: "join", finished: m.run("join")}
	if got.status == 0 || got.code() != m.code {
		m.t.Errorf("join ended with %d and %q, want %q:\n%s", got.status, got.code(), m.code, got.text())
	}
	wantWords(m.t, got.finished, m.says...)
	m.wantLeave(before, got)
}
