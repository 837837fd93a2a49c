package tailscaled

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
)

// explain adds what the daemon last said, if it died.
func (d *Daemon) explain(err error) error {
	if died := errors.Is(err, errExited) || !isAnswer(err) && d.exitsWithin(dying); !died {
		return err
	}
	hint := "its last lines say why; run again with debug logging, and it says more"
	if slices.ContainsFunc(d.LastLines(), pipeRefused.Matches) {
		hint = "Tailscale's own tailscaled runs on Windows only as an administrator: leave out tailscale-path and install: never,\n" +
			"and the bundled one runs, which any user may"
	}
	return &diag.Problem{
		Code:    "daemon-died",
		Summary: "tailscaled ended before this job was on the tailnet",
		Facts:   []diag.Fact{{Name: "log", Value: strings.Join(d.LastLines(), "\n")}},
		Err:     err,
		Hint:    hint,
	}
}

// pipeRefused is what Tailscale's tailscaled says as it ends on Windows if it may
// not give its pipe to the administrators. Ours does not: see scripts/daemon-pipe.
// Source: tailscale.com v1.102.5, safesocket (windowsSDDL), and Windows' error 1307.
const pipeRefused lazy.Pattern = `namedpipe\.Listen: .*may not be assigned as the owner`

// portTaken is what the daemon says as it ends for want of its proxy's port.
// Source: tailscale.com v1.102, cmd/tailscaled (mustStartProxyListeners).
const portTaken lazy.Pattern = `(proxy|SOCKS5|HTTP proxy) listener: .*(address already in use|Only one usage of each socket address)`

// LostPort reports whether the daemon ended since another process took the port
// of its proxy between the choice of the port and the daemon's start.
func (d *Daemon) LostPort() bool {
	select {
	case <-d.process.exited:
		return slices.ContainsFunc(d.LastLines(), portTaken.Matches)
	default:
		return false
	}
}

// isAnswer holds for an error that a daemon gave, or that has nothing to do
// with it. Any other may mean that it died.
func isAnswer(err error) bool {
	_, refused := errors.AsType[*LoginError](err)
	_, explained := errors.AsType[*diag.Problem](err)
	return refused || explained || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// dying is ample: the connections of a process that dies break a moment before
// its end is seen.
const dying = time.Second

func (d *Daemon) exitsWithin(limit time.Duration) bool {
	select {
	case <-d.process.exited:
		return true
	case <-time.After(limit):
		return false
	}
}

const (
	lastBytes = 16 << 10
	lastLines = 12
)

// LastLines are the end of the daemon's log, without its chatter, and the last
// of those that say the same.
func (d *Daemon) LastLines() []string {
	lines := slices.DeleteFunc(d.logLines(), isChatter)
	var last []string
	said := map[string]bool{}
	for _, line := range slices.Backward(lines) {
		if what := withoutTime(line); !said[what] && len(last) < lastLines {
			said[what] = true
			last = append(last, line)
		}
	}
	slices.Reverse(last)
	return last
}

// withoutTime is a line of Go's log package without its date and time.
func withoutTime(line string) string {
	if parts := strings.SplitN(line, " ", 3); len(parts) == 3 && strings.Count(parts[0], "/") == 2 {
		return parts[2]
	}
	return line
}

// isChatter holds for the lines of a level that --verbose is for. A build
// without log upload writes them all the same.
func isChatter(line string) bool {
	for _, mark := range []string{"[v1]", "[v2]", "[v\x00JSON]", "[RATELIMIT]"} {
		if strings.Contains(line, mark) {
			return true
		}
	}
	return false
}

func (d *Daemon) logLines() []string {
	if d.Session == nil {
		return nil
	}
	raw, _ := d.Session.ReadEnd(logName, lastBytes)
	var lines []string
	for line := range bytes.Lines(raw) {
		lines = append(lines, strings.TrimSpace(string(line)))
	}
	return lines
}

// Findings are what the daemon knows of its own troubles: its health, what it
// last found of the network, its last lines.
func (d *Daemon) Findings(ctx context.Context) []diag.Fact {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	facts := []diag.Fact{{Name: "log", Value: strings.Join(d.LastLines(), "\n")}}
	if report := d.lastNetcheck(); report != "" {
		facts = append([]diag.Fact{{Name: "netcheck", Value: report}}, facts...)
	}
	if status, err := d.Local.StatusWithoutPeers(ctx); err == nil && len(status.Health) > 0 {
		facts = append([]diag.Fact{{Name: "health", Value: strings.Join(status.Health, "\n")}}, facts...)
	}
	return facts
}

// lastNetcheck is what the daemon last found of the network: whether UDP
// passes, which relay is near.
func (d *Daemon) lastNetcheck() string {
	found := ""
	for _, line := range d.logLines() {
		if _, report, ok := strings.Cut(line, "netcheck: [v1] report: "); ok {
			found = report
		}
	}
	return found
}

// IsKept reports whether the control server kept the node as it logged out: to a
// machine whose node it removed it does not say that the machine is authorized.
// The daemon tells that to its log alone.
// Source: tailscale.com v1.102, control/controlclient (doLogin); Headscale 0.29, hscontrol (handleLogout).
func (d *Daemon) IsKept() bool {
	loggedOut, kept := false, false
	for _, line := range d.logLines() {
		loggedOut = loggedOut || strings.Contains(line, "control: logging out...")
		if loggedOut && strings.Contains(line, "RegisterReq: got response;") {
			kept = strings.Contains(line, "machineAuthorized=true")
		}
	}
	return kept
}
