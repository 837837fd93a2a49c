package specs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/namespace"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// Namespace are the specs of a workspace at Namespace.
func Namespace(c *namespace.Client) Store {
	w := workspace{c}
	return Store{Where: "the workspace at Namespace", List: w.list, put: w.put, remove: w.remove}
}

type workspace struct{ *namespace.Client }

func (w workspace) list(ctx context.Context) (Listing, error) {
	found, err := w.Integrations(ctx)
	if err != nil {
		return Listing{}, err
	}
	set := spec.Set{}
	for name, raw := range found.Tailscale {
		var theirs namespace.Spec
		if err := json.Unmarshal(raw, &theirs); err != nil {
			return Listing{}, fmt.Errorf("reading the spec %s of Namespace: %w", name, err)
		}
		set[name] = spec.Spec{ClientID: theirs.ClientID, Tags: theirs.Tags, EnableMagicDNS: &theirs.EnableMagicDNS}
	}
	return Listing{Version: string(found.Version), Specs: set}, nil
}

func (w workspace) put(ctx context.Context, name string, s spec.Spec) error {
	theirs := namespace.Spec{ClientID: s.ClientID, Tags: s.Tags}
	if dns := s.DNS(); dns != nil {
		theirs.EnableMagicDNS = *dns
	}
	if err := checkKnown(s); err != nil {
		return err
	}
	raw, err := json.Marshal(theirs)
	if err != nil {
		return err
	}
	_, err = w.Update(ctx, func(all map[string]json.RawMessage) error {
		all[name] = raw
		return nil
	})
	return err
}

// checkKnown refuses what Namespace has no field for: it would be lost.
func checkKnown(s spec.Spec) error {
	bare := spec.Spec{ClientID: s.ClientID, Tags: s.Tags, EnableMagicDNS: s.EnableMagicDNS, AcceptDNS: s.AcceptDNS}
	if reflect.DeepEqual(s, bare) {
		return nil
	}
	return diag.Input("Namespace keeps the client ID, the tags and MagicDNS of a spec, and nothing else",
		"leave the other fields out, or keep the spec in a file or in variables of GitHub")
}

// errGone ends an update that has nothing to remove.
var errGone = errors.New("there is no such spec")

func (w workspace) remove(ctx context.Context, name string) (found bool, err error) {
	_, err = w.Update(ctx, func(all map[string]json.RawMessage) error {
		if _, ok := all[name]; !ok {
			return errGone
		}
		delete(all, name)
		return nil
	})
	if errors.Is(err, errGone) {
		return false, nil
	}
	return true, err
}
