package join

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Pages of Tailscale's admin console.
const (
	keysPage = "https://login.tailscale.com/admin/settings/keys"
	logsPage = "https://login.tailscale.com/admin/logs"
)

// console is a page of Tailscale's admin console, or the control server if that is
// another one.
func (j *joining) console(page string) string {
	return tailscaled.Console(j.Up.Prefs.ControlURL, page)
}

// explainKey tells a credential that may not make keys from one that may not
// give these tags.
func (j *joining) explainKey(err error, token tsapi.AccessToken) error {
	return j.Identity.asking(j.Deps).KeyRefused(err, token, j.Tags)
}

func (j *joining) tags() diag.Fact {
	return diag.Fact{Name: "tags", Value: strings.Join(j.Tags, ", ")}
}

// explainLogin reads the control server's refusal. It has no code, only text.
func (j *joining) explainLogin(err error) error {
	refused, ok := errors.AsType[*tailscaled.LoginError](err)
	if !ok {
		return err
	}
	aboutTags := strings.Contains(refused.Message, "requested tags")
	switch byKey := !j.Identity.AuthKey.IsZero(); {
	case aboutTags && byKey:
		return problem("tags-not-permitted", "the auth key may not give these tags",
			"leave --advertise-tags out of args, since a node has the tags of its key; or make a key that has them: "+j.console(keysPage), err, j.tags())
	case aboutTags:
		return j.Identity.asking(j.Deps).TagsRefused(err, j.Tags)
	case byKey:
		return problem("login-refused", "the control server refused this node",
			refused.AboutKey()+": "+j.console(keysPage), err)
	default:
		return problem("login-refused", "the control server refused this node",
			"its key was made seconds ago, so it is the tailnet that says no. The cause is all it says; its log may say more:\n"+
				j.console(logsPage), err, j.tags())
	}
}

// ended explains an end that came from outside: a cancel, or the time limit.
// What else failed then failed because of it.
func (j *joining) ended(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled):
		return problem("cancelled", "the join was cancelled", "there is nothing to do: what it had begun is undone, now or by the post step", cause)
	case errors.Is(cause, errTimeout):
		return j.timedOut(ctx, err)
	default:
		return err
	}
}

// timedOut adds what the daemon knows.
func (j *joining) timedOut(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*diag.Problem](err); ok {
		return err
	}
	p := problem("timeout", fmt.Sprintf("the tailnet was not usable within %v", j.Timeout),
		"the cause is what was waited for. If it was only slow, raise timeout. If it cannot work, the facts say why, or see\n"+
			"that this machine reaches the login server", err)
	if j.session.Login { // before that the daemon has nothing to say
		p.Facts = j.daemon.Findings(ctx)
	}
	return p
}
