package tsapi

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/secret"
	tailscale "tailscale.com/client/tailscale/v2"
)

// A Kind is what sort of trust credential one is. The API calls it keyType.
type Kind string

// The kinds of trust credentials.
const (
	Federated   Kind = "federated" // by the ID token of a workload
	OAuthClient Kind = "client"    // by a secret
)

// A Credential is a trust credential: who may have an access token, and what
// that is good for. In Subject and in the patterns of Claims a * stands for any
// text.
type Credential struct {
	ID          string // the client ID; "" before it is made
	Kind        Kind
	Description string   // at most 50 letters, digits, hyphens and spaces
	Scopes      []string // sorted
	Tags        []string // sorted; keys made by it carry all of them, or tags that they own

	// Of a federated identity.
	Issuer, Subject string
	Audience        string            // "" is api.tailscale.com/ID
	Claims          map[string]string // patterns by the path to a claim

	Created, Updated, Revoked time.Time
	Invalid                   bool // it lets nobody in any more
}

// Scope is what an access token must be good for to deal with credentials of a
// kind; with :read behind it, to see them.
func (k Kind) Scope() string {
	return map[Kind]string{Federated: "federated_keys", OAuthClient: "oauth_keys"}[k]
}

// CreateCredential makes c. The secret is that of an OAuth client, which is
// shown this once. The call is not safe to repeat: if the answer is lost, the
// credential is there.
// Source: https://tailscale.com/api#tag/keys.
func (c *Client) CreateCredential(ctx context.Context, token AccessToken, cred Credential) (Credential, secret.Text, error) {
	api, err := c.as(token)
	if err != nil {
		return Credential{}, secret.Text{}, err
	}
	key, err := cred.create(ctx, api.Keys())
	if err != nil {
		return Credential{}, secret.Text{}, answered(err)
	}
	return newCredential(*key), secret.New(key.Key), nil
}

// SetCredential replaces all that the credential with cred's ID is.
func (c *Client) SetCredential(ctx context.Context, token AccessToken, cred Credential) (Credential, error) {
	api, err := c.as(token)
	if err != nil {
		return Credential{}, err
	}
	key, err := cred.set(ctx, api.Keys())
	if err != nil {
		return Credential{}, answered(err)
	}
	return newCredential(*key), nil
}

func (cred Credential) create(ctx context.Context, keys *tailscale.KeysResource) (*tailscale.Key, error) {
	if cred.Kind == OAuthClient {
		return keys.CreateOAuthClient(ctx, tailscale.CreateOAuthClientRequest(cred.client()))
	}
	return keys.CreateFederatedIdentity(ctx, tailscale.CreateFederatedIdentityRequest(cred.identity()))
}

func (cred Credential) set(ctx context.Context, keys *tailscale.KeysResource) (*tailscale.Key, error) {
	if cred.Kind == OAuthClient {
		return keys.SetOAuthClient(ctx, cred.ID, cred.client())
	}
	return keys.SetFederatedIdentity(ctx, cred.ID, cred.identity())
}

func (cred Credential) client() tailscale.SetOAuthClientRequest {
	return tailscale.SetOAuthClientRequest{Scopes: cred.Scopes, Tags: cred.sentTags(), Description: cred.Description}
}

func (cred Credential) identity() tailscale.SetFederatedIdentityRequest {
	return tailscale.SetFederatedIdentityRequest{
		Scopes: cred.Scopes, Tags: cred.sentTags(), Description: cred.Description,
		Issuer: cred.Issuer, Subject: cred.Subject, Audience: cred.Audience, CustomClaimRules: cred.sentClaims(),
	}
}

// sentTags and sentClaims are never nil: the official client would send null,
// which the API's description does not have.
func (cred Credential) sentTags() []string { return append([]string{}, cred.Tags...) }

func (cred Credential) sentClaims() map[string]string {
	if cred.Claims == nil {
		return map[string]string{}
	}
	return cred.Claims
}

// Credentials lists the tailnet's trust credentials, of the kinds that the
// token's scopes let it see.
func (c *Client) Credentials(ctx context.Context, token AccessToken) ([]Credential, error) {
	api, err := c.as(token)
	if err != nil {
		return nil, err
	}
	all, err := api.Keys().List(ctx, true)
	if err != nil {
		return nil, answered(err)
	}
	var found []Credential
	for _, key := range all {
		if cred := newCredential(key); cred.Kind.Scope() != "" {
			found = append(found, cred)
		}
	}
	return found, nil
}

// Credential is the one with an ID, also if it was deleted; a key that is no
// trust credential is an error.
func (c *Client) Credential(ctx context.Context, token AccessToken, id string) (Credential, error) {
	api, err := c.as(token)
	if err != nil {
		return Credential{}, err
	}
	key, err := api.Keys().Get(ctx, id)
	if err != nil {
		return Credential{}, answered(err)
	}
	cred := newCredential(*key)
	if cred.Kind.Scope() == "" {
		return Credential{}, fmt.Errorf("%s is no trust credential: its keyType is %q", id, key.KeyType)
	}
	return cred, nil
}

// DeleteCredential makes a credential useless, and what access tokens it gave.
func (c *Client) DeleteCredential(ctx context.Context, token AccessToken, id string) error {
	api, err := c.as(token)
	if err != nil {
		return err
	}
	return answered(api.Keys().Delete(ctx, id))
}

// newCredential leaves out expirySeconds, which the official client takes for
// nanoseconds, and which a credential has none of.
func newCredential(k tailscale.Key) Credential {
	return Credential{
		ID: k.ID, Kind: Kind(k.KeyType), Description: k.Description,
		Scopes: slices.Sorted(slices.Values(k.Scopes)), Tags: slices.Sorted(slices.Values(k.Tags)),
		Issuer: k.Issuer, Subject: k.Subject, Audience: k.Audience, Claims: maps.Clone(k.CustomClaimRules),
		Created: k.Created, Updated: k.Updated, Revoked: k.Revoked, Invalid: k.Invalid,
	}
}
