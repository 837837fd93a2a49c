//go:build linux

package e2e

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// tmpfs mounts a file system of the runner's user: options, and where.
const tmpfs = `
tmpfs() { mount -t tmpfs -o "mode=755,uid=1001,gid=1001,$1" tmpfs "$2"; }
`

// disks are machines on which tailscaled cannot be kept where it should be.
var disks = ofHostedVM([]profile{
	{name: "a tool cache of mode 0777", build: "chmod 777 opt/hostedtoolcache\n",
		models:  "GitHub's VM: https://github.com/actions/runner-images, images/ubuntu/scripts/build/configure-environment.sh",
		network: "userspace", says: []string{"not using the cache of tailscaled, which other users can change", "every user can write to it"}},
	{name: "a tool cache that its group can write", build: "chmod 775 opt/hostedtoolcache\n",
		network: "userspace", says: []string{"/opt/hostedtoolcache (owner 1001, mode drwxrwxr-x): other users of its group can write to it"}},
	{name: "another user's tool cache", build: "chown 65534 opt/hostedtoolcache\n",
		network: "userspace", says: []string{"/opt/hostedtoolcache (owner 65534, "}},
	{name: "a read-only tool cache", models: "a cache baked into an image", build: "tmpfs ro opt/hostedtoolcache\n",
		network: "userspace", says: []string{"::warning", "read-only file system"}},
	{name: "a noexec tool cache", build: "tmpfs noexec opt/hostedtoolcache\n",
		network: "userspace", says: []string{"::warning", "/opt/hostedtoolcache is mounted noexec"}},
	{name: "a full tool cache", models: "a runner that has lived long", build: "tmpfs size=1m opt/hostedtoolcache\n",
		network: "userspace", says: []string{"::warning", "no space left on device"}},
	{name: "a tool cache without inodes", build: "tmpfs nr_inodes=2 opt/hostedtoolcache\n",
		network: "userspace", says: []string{"::warning", "no space left on device"}},
	{name: "root's tool cache", models: "AGENT_TOOLSDIRECTORY as root prepared it. https://github.com/actions/setup-python/blob/main/docs/advanced-usage.md#linux", build: "chown 0 opt/hostedtoolcache\n",
		network: "userspace", says: []string{"::warning", "permission denied"}},
	{name: "no tool cache, HOME=/", env: map[string]string{"HOME": "/"}, unset: []string{"RUNNER_TOOL_CACHE"},
		network: "userspace", says: []string{"::warning", "mkdir /.cache: permission denied"}},
	{name: "no tool cache, another user's HOME", env: map[string]string{"HOME": "/root"}, unset: []string{"RUNNER_TOOL_CACHE"},
		network: "userspace", says: []string{"::warning", "permission denied"}},
	{name: "no tool cache, no HOME, another user's directory in /tmp", build: "mkdir tmp/tailjoin\nchown 65534 tmp/tailjoin\n",
		unset: []string{"RUNNER_TOOL_CACHE", "HOME"}, network: "userspace", says: []string{"/tmp/tailjoin (owner 65534, "}},

	{name: "nothing but noexec", models: "a hardened host", build: "tmpfs noexec opt/hostedtoolcache\ntmpfs noexec home/runner/work\nmkdir home/runner/work/_temp\nchown 1001 home/runner/work/_temp\n",
		code: "not-runnable", says: []string{"/home/runner/work is mounted noexec", "mount      /home/runner/work\n"}},
	{name: "nothing but full disks", build: "tmpfs size=1m opt/hostedtoolcache\ntmpfs size=4m home/runner/work/_temp\n",
		code: "cache-unwritable", says: []string{"not enough space", "no space left on device", "/home/runner/work/_temp/tj-a1b2c3/cache/tailscaled", " MB\n"}},
})

// ofHostedVM gives each profile the user and the directories of GitHub's VM,
// without sudo.
func ofHostedVM(rows []profile) []profile {
	for i := range rows {
		p := &rows[i]
		p.build = hostedVM + tmpfs + p.build
		p.uid, p.as, p.temp = 1001, asUser("1001", "--no-new-privs"), "/home/runner/work/_temp"
	}
	return rows
}

func TestMachine_unusualDisks(t *testing.T) {
	for _, p := range disks {
		t.Run(p.name, func(t *testing.T) { p.wantScenario(t, 2) })
	}
}

func TestMachine_withoutAPlaceForTheSession_namesTheSettings(t *testing.T) {
	for name, refuses := range map[string]string{"ro": "read-only file system", "size=4k,nr_inodes=1": "no space left on device"} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, profile{
				build: hostedVM + tmpfs + "mkdir disk\ntmpfs " + name + " disk\n", uid: 1001,
				as: asUser("1001", "--no-new-privs"), temp: "/home/runner/work/_temp",
			}, localtailnet.Options{})
			got := m.run("join", "--session=/disk/1/session")
			if got.status != 1 || got.code() != "session-unwritable" {
				t.Errorf("join ended with %d and %q:\n%s", got.status, got.code(), got.text())
			}
			wantWords(t, got, "mkdir /disk/1: "+refuses, "--session", "RUNNER_TEMP", "TMPDIR")
		})
	}
}
