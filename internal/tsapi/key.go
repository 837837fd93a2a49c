package tsapi

import (
	"cmp"
	"context"
	"time"

	"github.com/tailjoin/tailjoin/internal/secret"
	tailscale "tailscale.com/client/tailscale/v2"
)

// A KeyRequest says what a new auth key may do. Both booleans are always
// sent: Tailscale's own client turns ephemeral off when only the other is
// named.
type KeyRequest struct {
	Tags          []string // of the nodes that join with it; at least one
	Ephemeral     bool
	Preauthorized bool
	Reusable      bool
	Lifetime      time.Duration // until a node must have used it
	Description   string        // at most 50 letters, digits, hyphens and spaces
}

// An AuthKey lets a node join a tailnet.
type AuthKey struct {
	secret.Text
	ID      string
	Expires time.Time
}

// CreateKey mints an auth key. It needs the scope auth_keys. The tags must be all
// tags of the credential, or only tags that one of its tags owns in the policy's
// tagOwners.
// Source: https://tailscale.com/api#tag/keys.
func (c *Client) CreateKey(ctx context.Context, token AccessToken, r KeyRequest) (AuthKey, error) {
	api, err := c.as(token)
	if err != nil {
		return AuthKey{}, err
	}
	key, err := api.Keys().CreateAuthKey(ctx, r.wire())
	if err != nil {
		return AuthKey{}, answered(err)
	}
	return AuthKey{secret.New(key.Key), key.ID, key.Expires}, nil
}

func (r KeyRequest) wire() tailscale.CreateKeyRequest {
	wire := tailscale.CreateKeyRequest{
		ExpirySeconds: int64(r.Lifetime.Seconds()),
		Description:   r.Description,
	}
	create := &wire.Capabilities.Devices.Create
	create.Tags = r.Tags
	create.Ephemeral = r.Ephemeral
	create.Preauthorized = r.Preauthorized
	create.Reusable = r.Reusable
	return wire
}

// A Key is what the API tells of an auth key once it is made: all but the key.
type Key struct {
	ID, Description                    string
	Tags                               []string
	Reusable, Ephemeral, Preauthorized bool
	Created, Expires                   time.Time
	Revoked                            time.Time // zero if nobody revoked it
	Invalid                            bool      // no node can join with it any more

	Type string // "auth"; Key returns others, too: "client", "federated", "api"
}

// Keys lists the tailnet's auth keys. It needs the scope auth_keys:read. What
// the API lists are the keys that can be used, as its documentation has it.
func (c *Client) Keys(ctx context.Context, token AccessToken) ([]Key, error) {
	api, err := c.as(token)
	if err != nil {
		return nil, err
	}
	all, err := api.Keys().List(ctx, true) // without all there are only a person's own
	if err != nil {
		return nil, answered(err)
	}
	var keys []Key
	for _, key := range all {
		if k := newKey(key); k.Type == "auth" {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Key is what the API tells of any key: of one that has ended, too, and of a
// trust credential, which is a key of another type.
func (c *Client) Key(ctx context.Context, token AccessToken, id string) (Key, error) {
	api, err := c.as(token)
	if err != nil {
		return Key{}, err
	}
	key, err := api.Keys().Get(ctx, id)
	if err != nil {
		return Key{}, answered(err)
	}
	return newKey(*key), nil
}

func newKey(k tailscale.Key) Key {
	may := k.Capabilities.Devices.Create
	return Key{
		ID: k.ID, Description: k.Description, Tags: may.Tags,
		Reusable: may.Reusable, Ephemeral: may.Ephemeral, Preauthorized: may.Preauthorized,
		Created: k.Created, Expires: k.Expires, Revoked: k.Revoked, Invalid: k.Invalid,
		Type: cmp.Or(k.KeyType, "auth"), // as it was before there were others
	}
}

// KeysDescribed lists the IDs of the keys that can still be used and carry
// exactly this description.
func (c *Client) KeysDescribed(ctx context.Context, token AccessToken, description string) ([]string, error) {
	keys, err := c.Keys(ctx, token)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, key := range keys {
		if key.Description == description && !key.Invalid && key.Revoked.IsZero() {
			ids = append(ids, key.ID)
		}
	}
	return ids, nil
}

// RevokeKey makes a key unusable. Nodes that joined with it stay.
func (c *Client) RevokeKey(ctx context.Context, token AccessToken, id string) error {
	api, err := c.as(token)
	if err != nil {
		return err
	}
	return answered(api.Keys().Delete(ctx, id))
}
