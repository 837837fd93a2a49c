package doctor

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// tailscaled says which daemon the machine has of its own.
func (r *Request) tailscaled(ctx context.Context) Check {
	const name = "tailscaled"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host := tailscaled.Survey(ctx, r.SearchPath)
	switch {
	case host.Version != "":
		return Check{Name: name, Result: Note, Finding: fmt.Sprintf("%s runs on this machine: %s, %s (%s)", host.Version, host.State, with(host.TUN), host.Socket),
			Hint: "a join leaves it alone, and runs a daemon of its own beside it"}
	case host.Problem != "":
		return warning(name, fmt.Sprintf("%s is there, and tells nothing: %s", host.Socket, host.Problem),
			"a daemon that ended left its socket, or this user may not ask it. See: tailscale status")
	case host.Program != "":
		return ok(name, fmt.Sprintf("none runs; %s is installed (%s)", host.ProgramVersion, host.Program))
	}
	return ok(name, "none runs, and none is installed; a join brings its own")
}

func with(tun bool) string {
	if tun {
		return "with a network interface"
	}
	return "without a network interface"
}

// proxiesHint says what a job without a network interface does, and what one
// would take.
func proxiesHint() string {
	takes := "For an interface it takes root or passwordless sudo, /dev/net/tun (in a container: --device /dev/net/tun --cap-add NET_ADMIN),\n" +
		"and no other tailscaled on the machine"
	if runtime.GOOS == "windows" {
		takes = "For an interface it takes network: tun, an administrator, and no other Tailscale on the machine"
	}
	return "the job reaches the tailnet by the proxies that the outputs socks5-proxy and http-proxy name: see proxy-env.\n" + takes
}

// rights says whether a join could have a network interface, by what.
func (r *Request) rights(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	machine := tailscaled.SurveyRights(ctx, r.Network, r.Self)
	return []Check{tun(machine), sudo(machine), r.network(machine.Choice)}
}

func tun(m tailscaled.Machine) Check {
	const name = "tun"
	if m.NoTUN != "" {
		return note(name, m.NoTUN)
	}
	return ok(name, "an interface can be made")
}

func sudo(m tailscaled.Machine) Check {
	const name = "sudo"
	switch {
	case m.Root:
		return ok(name, "not needed")
	case m.NoSudo != nil:
		return note(name, "this is not root, and sudo does not let it be: "+reason(m.NoSudo))
	}
	return ok(name, "this is not root, and sudo asks for no password")
}

// network is what a join would come to.
func (r *Request) network(c tailscaled.Choice) Check {
	const name = "network"
	switch {
	case c.TUN && c.Sudo:
		return ok(name, "a join gets a network interface, by sudo")
	case c.TUN:
		return ok(name, "a join gets a network interface")
	case r.Network == tailscaled.WantUserspace:
		return ok(name, "a join has no network interface, as it is wanted")
	case r.Network == tailscaled.WantTUN:
		return Check{Name: name, Result: Failed, Code: "not-privileged", Finding: "a join cannot have a network interface: " + c.Reason, Hint: proxiesHint()}
	}
	return warning(name, "a join has no network interface: "+c.Reason, proxiesHint())
}
