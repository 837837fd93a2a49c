package sts

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// keyLifetime is of an auth key that is used in the next second.
const keyLifetime = 5 * time.Minute

// authKey is how the node gets an auth key: the operator's, or one that is
// minted by an OAuth client or the machine's own identity. Nil: there is no
// way, and a person has to log in.
func (f *front) authKey(c config.TSNet) (func(context.Context) (secret.Text, error), error) {
	key := c.AuthKey.Text
	if strings.HasPrefix(key.Reveal(), "tskey-client-") { // tsnet takes it there, too
		c.ClientSecret, key = c.AuthKey, secret.Text{}
	}
	switch {
	case !key.IsZero():
		return func(context.Context) (secret.Text, error) { return key, nil }, nil
	case c.ClientID == "" && c.ClientSecret.IsZero():
		return nil, nil
	case len(c.AdvertiseTags) == 0:
		return nil, diag.Input("tsnet.advertiseTags is empty", "a node that joins without an auth key has to have tags: all of its credential, or only tags that one of these owns in tagOwners")
	}
	request, err := f.accessRequest(c)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (secret.Text, error) { return mint(ctx, request, c) }, nil
}

func (f *front) accessRequest(c config.TSNet) (access.Request, error) {
	api := cmp.Or(c.APIURL, c.ControlURL)
	if api != "" {
		if err := tsapi.CheckURL(api); err != nil {
			return access.Request{}, diag.Input("Tailscale's API has no usable address", err.Error(), diag.Fact{Name: "tsnet.apiUrl", Value: api})
		}
	}
	r := access.Request{
		ClientID: c.ClientID, Audience: cmp.Or(c.Audience, "api.tailscale.com/"+c.ClientID), Secret: c.ClientSecret.Text,
		API:  &tsapi.Client{BaseURL: api, UserAgent: "tailjoin-sts/" + f.Version},
		Mask: func(secret.Text) {}, // nothing here prints one
	}
	if !c.ClientSecret.IsZero() {
		return r, nil
	}
	source, err := f.source(c)
	if err != nil {
		return r, err
	}
	r.IDToken = func(ctx context.Context, audience string) (idtoken.Token, error) {
		return source.Get(ctx, f.env, http.DefaultClient, audience)
	}
	return r, nil
}

// source is where the machine's ID token comes from. TS_ID_TOKEN is a token
// itself, as tsnet has it.
func (f *front) source(c config.TSNet) (idtoken.Source, error) {
	if c.IDTokenSource == "" && f.env("TS_ID_TOKEN") != "" {
		c.IDTokenSource = "env:TS_ID_TOKEN"
	}
	return idtoken.Choose(f.env, idtoken.Wish{Source: c.IDTokenSource})
}

func mint(ctx context.Context, r access.Request, c config.TSNet) (secret.Text, error) {
	token, err := r.Get(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	key, err := retry.Do(ctx, nil, func(ctx context.Context) (tsapi.AuthKey, error) {
		return r.API.CreateKey(ctx, token, tsapi.KeyRequest{
			Tags: c.AdvertiseTags, Ephemeral: c.Ephemeral, Preauthorized: true,
			Lifetime: keyLifetime, Description: "tailjoin-sts",
		})
	})
	if err != nil {
		err = access.Unanswered(r.API, r.KeyRefused(err, token, c.AdvertiseTags))
	}
	return key.Text, err
}
