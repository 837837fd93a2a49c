package join

import (
	"context"
	"errors"
	"runtime"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// waitingDaemon finds, verifies and starts a tailscaled that needs nothing
// more than an auth key.
func (j *joining) waitingDaemon(ctx context.Context) (*tailscaled.Login, error) {
	choice := start(ctx, func(error) {}, func(ctx context.Context) (tailscaled.Choice, error) {
		return tailscaled.Choose(ctx, j.Network, j.Self), nil
	})
	end := j.phases.measure("install")
	binary, err := j.Install.Find(ctx)
	end()
	if refused, ok := errors.AsType[*tailscaled.NoInterfaceError](err); ok {
		return nil, j.noInterface(refused.Reason, nil)
	}
	if err != nil {
		return nil, err
	}
	j.result.Binary = binary
	rights, _ := choice()
	return j.startDaemon(ctx, rights)
}

// noteProduct notes what a leave is to uninstall.
func (j *joining) noteProduct(product string) error {
	return j.session.note(func(r *record) { r.Product = product })
}

func (j *joining) startDaemon(ctx context.Context, choice tailscaled.Choice) (*tailscaled.Login, error) {
	if j.result.Binary.Service {
		choice = tailscaled.Choice{Rights: tailscaled.Rights{TUN: true}}
	}
	if choice.Reason != "" && j.needsInterface() {
		return nil, j.noInterface(choice.Reason, nil)
	}
	if choice.Nobody && j.StateDir != "" {
		return nil, noState()
	}
	defer j.phases.measure("daemon")()
	login, err := j.startWith(ctx, choice)
	if err == nil || !choice.TUN || j.result.Binary.Service || ctx.Err() != nil {
		return login, err
	}
	if j.needsInterface() {
		return nil, j.noInterface("tailscaled did not start with one", err)
	}
	j.Log.Warn("tailscaled did not start with a network interface; trying without", "cause", err)
	if stopErr := j.leaving().stopDaemon(ctx, false); stopErr != nil {
		return nil, errors.Join(err, stopErr)
	}
	return j.startWith(ctx, tailscaled.Choose(ctx, tailscaled.WantUserspace, j.Self))
}

// needsInterface reports that a join without an interface is of no use: it was
// asked for, or an exit node was. Without an interface a later step's traffic
// passes by the exit node, unless the step uses the proxies.
func (j *joining) needsInterface() bool {
	return j.Network == tailscaled.WantTUN || j.Network == tailscaled.Any && j.Up.ExitNode != ""
}

// interfaceTakes is what a machine has to have for a network interface, on
// Windows and on others.
var interfaceTakes = map[bool]string{
	true: "an administrator, no other Tailscale on the machine, and Tailscale's installer, which install: auto and\n" +
		"install: download run, and tailscale-path does not",
	false: "root or passwordless sudo, /dev/net/tun (in a container: --device /dev/net/tun --cap-add NET_ADMIN),\n" +
		"and no other tailscaled on the machine",
}

func (j *joining) noInterface(reason string, err error) error {
	facts := []diag.Fact{{Name: "because", Value: reason}}
	takes := interfaceTakes[runtime.GOOS == "windows"]
	hint := "it takes " + takes + ".\nOr leave out `network: tun`: processes then use the proxies that the outputs socks5-proxy and http-proxy name"
	if j.Network != tailscaled.WantTUN && j.Up.ExitNode != "" {
		facts = append(facts, diag.Fact{Name: "exit-node", Value: j.Up.ExitNode})
		hint = "with exit-node all traffic of the job has to go through the tailnet, which takes an interface. That takes\n" + takes +
			".\nWith `network: userspace` only traffic through the proxies goes to the exit node"
	}
	if died, ok := errors.AsType[*diag.Problem](err); ok {
		facts = append(facts, died.Facts...)
	}
	return &diag.Problem{
		Code:    "not-privileged",
		Summary: "tailscaled cannot have a network interface here",
		Facts:   facts,
		Err:     err,
		Hint:    hint,
	}
}

// noState: a daemon without rights cannot write where root keeps a node's key,
// and the directory is not ours to give away.
func noState() error {
	return diag.Input("the node's key cannot be kept in statedir here",
		"tailscaled runs as nobody next to another one, and may not write there: leave out statedir, run the job as a user\n"+
			"of its own, or stop the other tailscaled")
}

// portTries is how many random ports a join tries for the proxy.
const portTries = 5

// startWith starts the daemon, with another port if another process took the
// random one of the proxy before the daemon did.
func (j *joining) startWith(ctx context.Context, choice tailscaled.Choice) (login *tailscaled.Login, err error) {
	for range portTries {
		login, err = j.startOnce(ctx, choice)
		if err == nil || j.Flags.Proxy != "" || j.daemon == nil || !j.daemon.LostPort() {
			return login, err
		}
		j.Log.Info("another process took the port of the proxy; starting tailscaled with another port")
	}
	return login, err
}

func (j *joining) startOnce(ctx context.Context, choice tailscaled.Choice) (*tailscaled.Login, error) {
	config, err := j.config(choice)
	if err != nil {
		return nil, err
	}
	if err := j.session.note(func(r *record) { r.Daemon = config.state() }); err != nil {
		return nil, err
	}
	j.daemon, err = tailscaled.Start(ctx, config.Config)
	if j.daemon != nil {
		err = errors.Join(err, j.session.note(func(r *record) { r.Daemon.PID = j.daemon.PID() }))
	}
	if err != nil {
		return nil, err
	}
	login, err := j.daemon.Prepare(ctx, &j.Up.Prefs)
	if err != nil {
		return nil, err
	}
	j.result.Binary.CLI = j.daemon.CLI
	j.result.Socket, j.result.Proxy, j.result.TUN = j.daemon.Socket, config.Proxy, choice.TUN
	j.sayNoInterface(choice)
	return login, nil
}

// sayNoInterface says why later steps have the proxies only. A process that
// keeps joins from having an interface is worth a warning.
func (j *joining) sayNoInterface(choice tailscaled.Choice) {
	say := j.Log.Info
	if choice.Contested {
		say = j.Log.Warn
	}
	if choice.Reason != "" {
		say("no network interface: processes reach the tailnet by the proxies only", "because", choice.Reason)
	}
}
