package tailscaled

import (
	"context"
	"net"
	"os"
	"runtime"
	"strings"

	"tailscale.com/client/local"
)

// A Host is the tailscaled of this machine, whoever started it.
type Host struct {
	Socket         string // where a daemon was looked for
	Problem        string // why one that may be there did not tell; "" if it did, or if there is none
	Version        string // of the daemon that runs; "" if none told
	State          string // of that daemon: Running, NeedsLogin …
	TUN            bool   // it has a network interface
	Program        string // a tailscaled on the search path that only root can change; "" if not found
	ProgramVersion string
}

// Survey asks the machine's own daemon what it is, and changes nothing.
func Survey(ctx context.Context, searchPath []string) Host {
	h := Host{Socket: DefaultSocket}
	h.ask(ctx)
	in := Install{SearchPath: searchPath}
	if h.Program, _ = in.lookUp("tailscaled"); h.Program != "" {
		h.ProgramVersion, _ = askVersion(ctx, h.Program, nil)
	}
	return h
}

func (h *Host) ask(ctx context.Context) {
	conn, err := dialSocket(ctx, h.Socket)
	if err != nil {
		if _, missing := os.Stat(h.Socket); missing == nil && runtime.GOOS != "windows" {
			h.Problem = err.Error()
		}
		return
	}
	conn.Close()
	client := &local.Client{Socket: h.Socket, UseSocketOnly: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialSocket(ctx, h.Socket)
	}}
	status, err := client.StatusWithoutPeers(ctx)
	if err != nil {
		h.Problem = err.Error()
		return
	}
	h.Version, _, _ = strings.Cut(status.Version, "-")
	h.State, h.TUN = status.BackendState, status.TUN
}

// Machine says what this machine lets a daemon of ours have.
type Machine struct {
	NoTUN  string // why no network interface can be made here, "" if one can
	Root   bool   // nothing takes sudo
	NoSudo error  // why a user who is not root cannot become it; nil if sudo asks for nothing
	Choice        // what Choose takes
}

// SurveyRights finds out what Choose would, and each thing by itself.
func SurveyRights(ctx context.Context, wish Wish, self string) Machine {
	if runtime.GOOS == "windows" {
		return windowsInstaller.survey(ctx, wish)
	}
	m := Machine{Root: os.Geteuid() == 0, NoTUN: noDevice()}
	if m.Root {
		m.NoTUN = noTUN()
	} else if noTUN, err := askRoot(ctx, self); err != nil {
		m.NoSudo = err
	} else {
		m.NoTUN = noTUN
	}
	m.Choice = choose(wish, findNeighbour(ctx), func() (string, error) { return m.NoTUN, m.NoSudo })
	return m
}
