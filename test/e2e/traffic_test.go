//go:build linux

package e2e

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// wantPage fetches a page and fails unless it holds the words.
func wantPage(t *testing.T, words string, command ...string) {
	t.Helper()
	page, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil || !strings.Contains(string(page), words) {
		t.Errorf("%v: %v\n%s, want %q", command, err, page, words)
	}
}

func curl(args ...string) []string {
	return append([]string{"curl", "-sS", "--max-time", "10"}, args...)
}

// leavesTheMachineAsItWas leaves when the test ends, and compares the machine
// with what it is now.
func (w *world) leavesTheMachineAsItWas() {
	before := network(w.t)
	w.t.Cleanup(func() {
		w.mustLeave()
		w.wantNothingLeft()
		after := network(w.t)
		if before["nft"] == "" && !chains.MatchString(after["nft"]) {
			after["nft"] = "" // a daemon with netfilter on makes the usual tables, and leaves them empty
			mustRun(w.t, "nft", "flush", "ruleset")
		}
		if d := cmp.Diff(before, after); d != "" {
			w.t.Errorf("the machine is not as it was (-before +after):\n%s", d)
		}
	})
}

func TestJoin_tun_aPeerConnectsInToTheRunner(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	w.leavesTheMachineAsItWas()
	peer := w.mustPeer(localtailnet.PeerOptions{})
	out := w.mustJoin("--network=tun", "--ping=my-server")
	listener, err := net.Listen("tcp", out["ipv4"]+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			io.WriteString(conn, "hello from the job")
			conn.Close()
		}
	}()

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := peer.Dial(ctx, "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if said, err := io.ReadAll(conn); err != nil || string(said) != "hello from the job" {
		t.Errorf("the peer read %q, %v", said, err)
	}
}

// beyond is an address that no machine here has: TEST-NET-3, RFC 5737.
const beyond = "203.0.113.7"

func TestJoin_tun_exitNodeCarriesAllTraffic(t *testing.T) {
	for name, args := range map[string]func(*localtailnet.Peer) []string{
		"by name":      func(*localtailnet.Peer) []string { return []string{"--exit-node=way-out"} },
		"by full name": func(p *localtailnet.Peer) []string { return []string{"--exit-node=" + p.Name} },
		"by address":   func(p *localtailnet.Peer) []string { return []string{"--exit-node=" + p.IP.String()} },
		"in args":      func(*localtailnet.Peer) []string { return []string{"--args=--exit-node=way-out"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{AutoApproveRoutes: true})
			w.leavesTheMachineAsItWas()
			peer := w.mustPeer(localtailnet.PeerOptions{Hostname: "way-out", ExitNode: true})
			w.mustJoin(append(args(peer), "--network=tun", "--wait-for="+beyond+":80")...)
			wantPage(t, "Hello from way-out", curl("http://"+beyond+"/")...)
			wantPage(t, beyond, curl("http://"+beyond+"/")...)
		})
	}
}

func TestJoin_userspace_exitNodeCarriesTheProxiesTraffic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{AutoApproveRoutes: true})
	w.mustPeer(localtailnet.PeerOptions{Hostname: "way-out", ExitNode: true})
	out := w.mustJoin("--exit-node=way-out", "--network=userspace", "--wait-for="+beyond+":80")
	wantPage(t, "Hello from way-out", curl("--proxy", out["socks5-proxy"], "http://"+beyond+"/")...)
	w.mustLeave()
	w.wantNothingLeft()
}

var subnet = localtailnet.PeerOptions{Hostname: "router", Routes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}

func TestJoin_tun_subnetRouteIsUsed(t *testing.T) {
	w := newWorld(t, localtailnet.Options{AutoApproveRoutes: true})
	w.leavesTheMachineAsItWas()
	w.mustPeer(subnet)
	w.mustJoin("--network=tun", "--args=--accept-routes", "--wait-for=192.0.2.80:80")
	wantPage(t, "Hello from router", curl("http://192.0.2.80/")...)
}

func TestJoin_tun_subnetRouteIsNotUsedIfTheUserSaysSo(t *testing.T) {
	w := newWorld(t, localtailnet.Options{AutoApproveRoutes: true})
	w.leavesTheMachineAsItWas()
	w.mustPeer(subnet)
	w.mustJoin("--network=tun", "--accept-routes=false", "--ping=router")
	if routes := network(t)["routes"]; strings.Contains(routes, "192.0.2.0/24") {
		t.Errorf("the route is used all the same:\n%s", routes)
	}
}

func TestJoin_tun_withoutTheTailnetsDNS(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	w.leavesTheMachineAsItWas()
	peer := w.mustPeer(localtailnet.PeerOptions{})
	before := network(t)["resolv.conf"]
	w.mustJoin("--network=tun", "--accept-dns=false", "--wait-for="+peer.IP.String()+":80")
	if after := network(t)["resolv.conf"]; after != before {
		t.Errorf("resolv.conf was changed:\n%s", after)
	}
}

// A container, or a build in one, is a network behind the runner's.
func TestJoin_tun_containersReachTheTailnet(t *testing.T) {
	box := []string{"ip", "netns", "exec", "box"}
	for _, line := range []string{
		"ip netns add box",
		"ip link add box0 type veth peer name eth0 netns box",
		"ip addr add 172.30.0.1/24 dev box0",
		"ip link set box0 addrgenmode none", // or it has another address some time after it is up
		"ip link set box0 up",
		"ip -n box addr add 172.30.0.2/24 dev eth0",
		"ip -n box link set eth0 up",
		"ip -n box route add default via 172.30.0.1",
		"sysctl -q -w net.ipv4.ip_forward=1",
		"nft add table ip box",
		"nft add chain ip box out { type nat hook postrouting priority 100 ; }",
		"nft add rule ip box out ip saddr 172.30.0.0/24 oifname != box0 masquerade",
	} {
		words := strings.Fields(line)
		mustRun(t, words[0], words[1:]...)
	}
	t.Cleanup(func() {
		mustRun(t, "ip", "link", "delete", "box0") // or it goes some time after its other end
		mustRun(t, "ip", "netns", "delete", "box")
		mustRun(t, "nft", "delete", "table", "ip", "box")
	})
	w := newWorld(t, localtailnet.Options{})
	w.leavesTheMachineAsItWas()
	peer := w.mustPeer(localtailnet.PeerOptions{})
	w.mustJoin("--network=tun", "--wait-for=my-server:80")

	for _, host := range []string{peer.IP.String(), "my-server", peer.Name} {
		wantPage(t, "Hello from my-server", append(box, curl("http://"+host+"/")...)...)
	}
}
