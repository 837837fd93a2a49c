package namespace

import (
	"context"
	"encoding/json"
	"maps"
	"strings"

	"github.com/tailjoin/tailjoin/internal/secret"
)

// Integrations are the specs of a workspace, as its service gives them.
// Source: namespacelabs/foundation, internal/fnapi/tenants.go.
type Integrations struct {
	Version   Version                    `json:"metadata_version"`
	Tailscale map[string]json.RawMessage `json:"tailscale"` // a Spec each; what else is in it is kept
}

// A Version is counted up by each change. In JSON it is an int64 as text.
type Version string

// UnmarshalJSON takes a number, too.
func (v *Version) UnmarshalJSON(raw []byte) error {
	*v = Version(strings.Trim(string(raw), `"`))
	return nil
}

// A Spec is one named spec. Namespace knows no more of it.
type Spec struct {
	ClientID       string   `json:"oauth_client_id"`
	Tags           []string `json:"tags,omitempty"`
	EnableMagicDNS bool     `json:"enable_magic_dns"` // always sent
}

const (
	getMethod    = "nsl.tenants.TenantsService/GetTenantIntegrations"
	updateMethod = "nsl.tenants.TenantsService/UpdateTenantIntegrations"
)

// Integrations reads them.
func (c *Client) Integrations(ctx context.Context) (Integrations, error) {
	token, err := c.token(ctx)
	if err != nil {
		return Integrations{}, err
	}
	return c.get(ctx, token)
}

func (c *Client) get(ctx context.Context, token secret.Text) (found Integrations, err error) {
	err = c.post(ctx, token, getMethod, struct{}{}, &found)
	if found.Tailscale == nil {
		found.Tailscale = map[string]json.RawMessage{}
	}
	return found, err
}

// update is what is sent to replace all Tailscale specs, if nobody else has
// changed the workspace since it had this version.
type update struct {
	Match     Version                    `json:"match_metadata_version"`
	Fields    []string                   `json:"update_fields"`
	Tailscale map[string]json.RawMessage `json:"tailscale"`
}

// conflicts is how many times others may be quicker.
const conflicts = 5

// Update reads the specs, has them changed, and writes them. If somebody else
// was quicker it begins again: change may be called more than once. An error
// of change ends it.
func (c *Client) Update(ctx context.Context, change func(map[string]json.RawMessage) error) (Integrations, error) {
	token, err := c.token(ctx)
	if err != nil {
		return Integrations{}, err
	}
	for n := 0; ; n++ {
		found, err := c.get(ctx, token)
		if err != nil {
			return found, err
		}
		specs := maps.Clone(found.Tailscale)
		if err := change(specs); err != nil {
			return found, err
		}
		var updated Integrations
		err = c.post(ctx, token, updateMethod, update{found.Version, []string{"UPDATE_TAILSCALE"}, specs}, &updated)
		if !isConflict(err) || n == conflicts {
			return updated, err
		}
	}
}
