package cli

import (
	"context"
	"flag"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// tokenExchange is the command `token exchange`: the job's ID token, or an
// OAuth client's secret, becomes an access token for Tailscale's API.
func (f *front) tokenExchange(ctx context.Context, args []string) error {
	var in inputs
	var to destination
	fs := flag.NewFlagSet("token exchange", flag.ContinueOnError)
	in.idToken(fs)
	in.api(fs)
	to.flags(fs)
	if err := parse(fs, f.job, args); err != nil {
		return f.help(fs, err)
	}
	if err := to.check(f.job); err != nil {
		return err
	}
	request, err := f.accessRequest(&in)
	if err != nil {
		return err
	}
	token, err := request.Get(ctx)
	if err != nil {
		return err
	}
	if err := f.deliver(token.Text, "access-token", to); err != nil {
		return err
	}
	f.log("").Info("got an access token for Tailscale's API", "scopes", strings.Join(token.Scopes, " "),
		"expires", token.Expires.UTC().Format(time.RFC3339))
	return nil
}

// accessRequest checks all that the user said.
func (f *front) accessRequest(in *inputs) (access.Request, error) {
	identity, err := in.identity()
	if err != nil {
		return access.Request{}, err
	}
	f.mask(identity.Secret)
	if err := in.checkWays("give oauth-client-id, to use the job's own identity; or oauth-secret"); err != nil {
		return access.Request{}, err
	}
	if err := checkServers(in, &join.Request{Identity: identity}); err != nil {
		return access.Request{}, err
	}
	r := access.Request{
		ClientID: identity.ClientID, Audience: identity.Audience, Secret: identity.Secret,
		API: &tsapi.Client{BaseURL: in.apiBase(), UserAgent: "tailjoin/" + f.Version}, Mask: f.mask, Again: f.again,
	}
	if identity.Secret.IsZero() {
		r.IDToken, r.Job, err = f.idTokens(in, identity.Audience)
	}
	return r, err
}
