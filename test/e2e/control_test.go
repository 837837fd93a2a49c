//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

func TestJoin_controlServerThatFailsOnce_isAskedAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]localtailnet.Fault{
		localtailnet.OpControlKey: {Status: 503},
		localtailnet.OpRegister:   {Status: 500},
		localtailnet.OpMap:        {Status: 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{})
			fault.Times = 1
			w.fault(name, fault)
			w.mustJoin("--network=userspace")
			w.mustLeave()
			w.wantNothingLeft()
		})
	}
}

func TestJoin_controlServerThatNeverAnswers_endsAtTheTimeLimitAndLeavesTheRestToLeave(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]localtailnet.Fault{
		localtailnet.OpControlKey: {Status: 503},
		localtailnet.OpRegister:   {Hang: true},
		localtailnet.OpMap:        {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
			w.fault(name, fault)
			began := time.Now()
			got := w.run("join", "--network=userspace", "--timeout=2s")
			took := time.Since(began)

			if got.status != 1 || got.code() != "timeout" || took > 15*time.Second {
				t.Errorf("join ended after %v with %d and %q, want 1 and timeout", took, got.status, got.code())
			}
			wantWords(t, got, "within 2s", "log  ", "tailjoin leave")
			w.fault(name, localtailnet.Fault{})
			w.run("leave")
			w.mustWait(func() bool { return len(w.jobNodes()) == 0 }) // control drops a node that it never heard of again
			w.wantNothingLeft()
		})
	}
}

// A request that hangs costs a part of the timeout, not all of it. The key may
// have been used by then.
func TestJoin_controlServerThatHangsOnce_isAskedAgain(t *testing.T) {
	t.Parallel()
	for _, op := range []string{localtailnet.OpControlKey, localtailnet.OpConnect, localtailnet.OpRegister, localtailnet.OpMap} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{})
			w.fault(op, localtailnet.Fault{Hang: true, Times: 1})
			began := time.Now()
			got := w.run("join", "--network=userspace", "--timeout=30s")
			if took := time.Since(began); got.status != 0 || took > 20*time.Second {
				t.Errorf("it ended with %d after %v:\n%s", got.status, took, got.text())
			}
			if op != localtailnet.OpMap { // of which the daemon has several at a time
				wantWords(t, got, "starting the login again")
			}
			w.mustLeave()
			w.wantNothingLeft()
		})
	}
}

func TestJoin_loginServerThatIsNone_isNamedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.fault(localtailnet.OpControlKey, localtailnet.Fault{Status: 404, Body: "404 page not found"})
	began := time.Now()
	w.mustFail("no-control-server", []string{"404 Not Found", "login-server"}, "--network=userspace")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestJoin_keepsToItsTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
	w.fault(localtailnet.OpRegister, localtailnet.Fault{Hang: true})
	began := time.Now()
	got := w.run("join", "--network=userspace", "--timeout=10s")
	// A cleanup that began only at the timeout would end three seconds later.
	if took := time.Since(began); got.code() != "timeout" || took > 12*time.Second {
		t.Errorf("it ended with %q after %v, want timeout within 10s", got.code(), took)
	}
	wantWords(t, got, "within 10s")
	w.fault(localtailnet.OpRegister, localtailnet.Fault{})
	w.run("leave")
	w.mustWait(func() bool { return len(w.jobNodes()) == 0 })
	w.wantNothingLeft()
}

// The daemon here is a script, which takes the first port of the proxy before the
// real daemon can.
func TestJoin_portOfTheProxyTakenByAnother_choosesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	dir := shortDir(t)
	script := `#!/bin/bash
for word; do case $word in
--socks5-server=*) port=${word##*:} ;;
--socket=*) socket=${word#*=} ;;
esac; done
if [ -n "$port" ] && [ ! -e DIR/taken ]; then
	busybox=BUSYBOX
	$busybox nc -l -p "$port" </dev/null >/dev/null 2>&1 &
	echo "$! $port" >DIR/taken
	until $busybox grep -q ":$(printf %04X "$port") .* 0A " /proc/net/tcp /proc/net/tcp6; do :; done
fi
state=${socket%/*}
[ -z "$socket" ] || exec -a "${state%/*}/tailscaled" REAL "$@"
exec REAL "$@"
`
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("busybox is not installed")
	}
	script = strings.NewReplacer("DIR", dir, "BUSYBOX", busybox, "REAL", os.Getenv(daemon)).Replace(script)
	for name, content := range map[string]string{"tailscaled": script, "tailscale": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got := w.run("join", "--network=userspace", "--tailscale-path="+dir)
	taken, err := os.ReadFile(filepath.Join(dir, "taken"))
	if err != nil {
		t.Fatalf("the port was not taken: %v\n%s", err, got.text())
	}
	var pid, port int
	fmt.Sscan(string(taken), &pid, &port)
	defer syscall.Kill(pid, syscall.SIGKILL)
	if got.status != 0 || strings.HasSuffix(w.outputs()["http-proxy"], fmt.Sprint(":", port)) {
		t.Errorf("join ended with %d, and the proxy %s:\n%s", got.status, w.outputs()["http-proxy"], got.text())
	}
	wantWords(t, got, "another process took the port of the proxy")
	w.mustLeave()
	w.wantNothingLeft()
}

func TestJoin_nodeThatNobodyApproved_isToldSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{DeviceApproval: true})
	w.vars["TAILJOIN_OAUTH_CLIENT_ID"] = clientID + "?preauthorized=false"
	w.mustFail("needs-approval", []string{"switch device approval off: see the control server"}, "--network=userspace")
}

func TestJoin_otherTailnetThanExpected_isLeftAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{Name: "acme.example"})
	w.mustFail("wrong-tailnet", []string{"acme.example", "tail10ca1.ts.net", "acme.test"},
		"--network=userspace", "--expected-tailnet=acme.test")
}

func TestJoin_expectedTailnet_byNameOrSuffix(t *testing.T) {
	t.Parallel()
	for _, expected := range []string{"acme.example", "tail10ca1.ts.net"} {
		t.Run(expected, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{Name: "acme.example"})
			w.mustJoin("--network=userspace", "--expected-tailnet="+expected)
		})
	}
}

func TestJoin_targetThatDoesNotAnswer_isNamedWithWhatTheDaemonKnows(t *testing.T) {
	t.Parallel()
	for arg, words := range map[string]string{
		"--ping=my-sever":         "no such peer",
		"--ping=100.127.255.254":  "100.127.255.254",
		"--wait-for=my-server:81": "my-server:81",
		"--wait-for=my-sever:80":  "my-sever:80",
		"--wait-for=127.0.0.1:1":  "127.0.0.1:1",
	} {
		t.Run(arg, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{})
			w.mustPeer(localtailnet.PeerOptions{})
			w.mustFail("not-reachable", []string{words, "within 2s", "netcheck", "log"}, "--network=userspace", "--timeout=2s", arg)
		})
	}
}

func TestJoin_exitNodeThatIsNone_isNamedWithThoseThatAre(t *testing.T) {
	t.Parallel()
	for node, words := range map[string]string{
		"my-server":     "offers no exit node",
		"not-there":     "no such peer",
		"100.127.255.1": "no such peer",
	} {
		t.Run(node, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{AutoApproveRoutes: true})
			w.mustPeer(localtailnet.PeerOptions{})
			w.mustPeer(localtailnet.PeerOptions{Hostname: "way-out", ExitNode: true})
			w.mustFail("no-exit-node", []string{node, words, "way-out.tail10ca1.ts.net"},
				"--network=userspace", "--timeout=2s", "--exit-node="+node)
		})
	}
}

// The proxies resolve such a name no better while the join waits.
func TestJoin_targetThatOnlyTheTailnetsDNSKnows_isExplainedAtOnceWithoutAnInterface(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{SplitDNS: map[string][]string{"corp.internal": {"100.64.0.53"}}})
	began := time.Now()
	w.mustFail("not-reachable", []string{"db.corp.internal", "network: tun", "corp.internal"},
		"--network=userspace", "--timeout=1m", "--wait-for=db.corp.internal:80")
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}
