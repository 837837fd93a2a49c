package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/kballard/go-shellquote"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// fillIdentity takes exactly one way to prove who the job is.
func fillIdentity(in *inputs, r *join.Request) (err error) {
	if r.Identity, err = in.identity(); err != nil {
		return err
	}
	if err := in.checkOneWay(len(r.Tags) > 0); err != nil {
		return err
	}
	return in.checkAuthKey()
}

// checkAuthKey refuses what no control server takes for an auth key. Those of
// other servers than Tailscale's have forms of their own.
func (in *inputs) checkAuthKey() error {
	key := in.authKey.Reveal()
	_, notToken := idtoken.Parse(key)
	const copyWhole = "give the key itself, from tskey-auth- on: https://login.tailscale.com/admin/settings/keys"
	for _, odd := range []struct {
		is         bool
		what, hint string
	}{
		{key == "" || strings.HasPrefix(key, "tskey-"), "", ""},
		{strings.ContainsAny(key, "\"'`"), "has quotes in it", "give the key without the quotes"},
		{strings.HasPrefix(key, "$") || strings.Contains(key, "{{"), "holds an expression that was not evaluated", "write the expression where the CI evaluates it, as in `with:` or `env:` of the step"},
		{notToken == nil, "holds an ID token", "leave authkey out, and give oauth-client-id: the token is asked for then. One in a variable is named by id-token-source: env:NAME"},
		{strings.ContainsAny(key, " \t\n"), "has blanks in it", copyWhole},
		{strings.Contains(key, "CNTRL-"), "does not begin with tskey-auth-", copyWhole},
		{in.loginServer == "", "does not begin with tskey-auth-, as Tailscale's auth keys do", copyWhole + ".\nA key of another control server needs that as login-server"},
	} {
		switch {
		case odd.is && odd.what == "":
			return nil
		case odd.is:
			return diag.Input("input authkey "+odd.what, odd.hint)
		}
	}
	return nil
}

func (in *inputs) identity() (join.Identity, error) {
	in.keyOrSecret()
	client, err := spec.Attributes("oauth-client-id", in.oauthClientID)
	if err != nil {
		return join.Identity{}, err
	}
	identity := join.Identity{
		AuthKey:       in.authKey,
		ClientID:      client.Value,
		Audience:      in.audienceFor(client.Value),
		Ephemeral:     client.Ephemeral,
		Preauthorized: client.Preauthorized,
	}
	if in.oauthSecret.IsZero() {
		return identity, nil
	}
	return in.bySecret(identity)
}

// upOfArgs finds the login server, and who the job is, where people who came from
// tailscale up wrote it. What else stands in args is for a join to refuse.
func (in *inputs) upOfArgs() tailscaled.Up {
	words, err := shellquote.Split(in.args)
	if err != nil {
		return tailscaled.Up{}
	}
	up, _ := tailscaled.ParseUp(nil, words)
	in.loginServer = cmp.Or(in.loginServer, up.Prefs.ControlURL)
	return up
}

// fillWays takes from flags of `tailscale up` what the inputs do not say of who the
// job is.
func (f *front) fillWays(in *inputs, up tailscaled.Up) error {
	for _, given := range []struct {
		flag string
		from secret.Text
		to   *secret.Text
	}{
		{"auth-key", up.AuthKey, &in.authKey},
		{"client-secret", up.ClientSecret, &in.oauthSecret},
	} {
		if given.from.IsZero() || !given.to.IsZero() {
			continue
		}
		if err := (hidden{given.to}).Set(given.from.Reveal()); err != nil {
			return diag.Input("--"+given.flag+" in input args cannot be read", err.Error())
		}
		f.mask(*given.to)
	}
	if in.named != nil { // which decides on both
		said := &in.named.said
		said.ClientID, said.Audience = cmp.Or(said.ClientID, up.ClientID), cmp.Or(said.Audience, up.Audience)
	}
	in.oauthClientID, in.audience = cmp.Or(in.oauthClientID, up.ClientID), cmp.Or(in.audience, up.Audience)
	if in.idTokenSource == "" && strings.HasPrefix(up.IDToken.Reveal(), "file:") {
		in.idTokenSource = up.IDToken.Reveal()
	} else if in.idTokenSource == "" {
		in.givenToken = up.IDToken
		f.mask(in.givenToken)
	}
	return nil
}

// keyOrSecret: `tailscale up` takes an OAuth client's secret in the place of
// an auth key, so people put it there.
func (in *inputs) keyOrSecret() {
	if strings.HasPrefix(in.authKey.Reveal(), "tskey-client-") && in.oauthSecret.IsZero() {
		in.oauthSecret, in.authKey = in.authKey, secret.Text{}
	}
}

// audienceFor is the audience that an ID token is requested for. A token that args
// holds may have any: "" is that.
func (in *inputs) audienceFor(client string) string {
	if in.audience != "" || !in.givenToken.IsZero() {
		return in.audience
	}
	return "api.tailscale.com/" + client
}

func (in *inputs) bySecret(identity join.Identity) (join.Identity, error) {
	attributed, err := spec.Attributes("oauth-secret", in.oauthSecret.Reveal())
	if err != nil {
		return identity, err
	}
	identity.Secret = secret.New(attributed.Value)
	identity.Ephemeral, identity.Preauthorized = attributed.Ephemeral, attributed.Preauthorized
	in.apiURL = cmp.Or(in.apiURL, attributed.BaseURL)
	return identity, nil
}

func (in *inputs) checkOneWay(tagged bool) error {
	if err := in.checkWays("give oauth-client-id and tags, to use the job's own identity; or authkey, or oauth-secret"); err != nil {
		return err
	}
	if way := in.ways()[0]; way != "authkey" && !tagged {
		return diag.Input("tags are missing", "a node that joins by "+way+" must have tags:\n  tags: \"tag:ci\"")
	}
	return nil
}

// checkWays refuses no way and more than one. give is what to do if there is
// none.
func (in *inputs) checkWays(give string) error {
	given := in.ways()
	switch {
	case len(given) == 0:
		return diag.Input("nothing says who this job is", give+".\n"+
			"A secret is empty in a pull request from a fork, or when its name is misspelled")
	case len(given) > 1:
		return diag.Input(fmt.Sprintf("there are %s ways to prove who this job is: %s", []string{2: "two", 3: "three"}[len(given)], strings.Join(given, " and ")),
			"give one of them; for the job's own identity that is oauth-client-id without oauth-secret")
	case given[0] == "oauth-client-id" && in.oauthClientID == "":
		return diag.Input("oauth-client-id is missing", "an audience is for a trust credential: give its client ID, too")
	}
	return nil
}

// ways are the methods that the inputs name. A client ID belongs to the
// secret, if there is one; an audience is for the job's own identity.
func (in *inputs) ways() (given []string) {
	bySecret := !in.oauthSecret.IsZero()
	if !in.authKey.IsZero() {
		given = append(given, "authkey")
	}
	if bySecret {
		given = append(given, "oauth-secret")
	}
	if in.audience != "" || in.oauthClientID != "" && !bySecret {
		given = append(given, "oauth-client-id")
	}
	return given
}
