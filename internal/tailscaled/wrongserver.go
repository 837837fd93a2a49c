package tailscaled

import (
	"errors"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"tailscale.com/ipn"
	"tailscale.com/tsconst"
)

// noKey is what the daemon says of a login server that answers and has no key:
// a 4xx does not pass, except for 408, 425 and 429.
// Source: tailscale.com v1.102, control/controlclient (loadServerPubKeys).
const noKey lazy.Pattern = `fetch control key: (4(?:0[0-79]|1\d|2[0-46-8]|[3-9]\d) [^\n]*)`

// wrongServerDoubt is how long the login server may answer with a 4xx: longer
// than it takes a server behind a proxy to come back after a moment.
const wrongServerDoubt = 3 * time.Second

// doubtServer gives the login up if the login server has refused to give its key
// for some time. The daemon itself would ask until the deadline.
func (l *Login) doubtServer(event ipn.Notify) {
	if event.Health == nil {
		return
	}
	said := noKey.Regexp().FindStringSubmatch(event.Health.Warnings[tsconst.HealthWarnableLoginState].Text)
	switch {
	case said == nil && l.wrong != nil:
		l.wrong.Stop()
		l.wrong = nil
	case said != nil && l.wrong == nil:
		l.wrong = time.AfterFunc(wrongServerDoubt, func() { l.giveUp(notControl(said[1])) })
	}
}

// IsNoControl reports whether a login failed because its server is not a control
// server, so that no node can have come of it.
func IsNoControl(err error) bool {
	p, ok := errors.AsType[*diag.Problem](err)
	return ok && p.Code == "no-control-server"
}

func notControl(said string) error {
	return &diag.Problem{
		Code:    "no-control-server",
		Summary: "the address of the login server does not lead to a control server",
		Facts:   []diag.Fact{{Name: "answer to /key", Value: strings.TrimSpace(said)}},
		Hint:    "see login-server: it is the address that `tailscale up --login-server` takes, mostly without a path",
	}
}
