package trust

import (
	"context"

	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Plan is what there is to do for a credential to be as wanted.
type Plan struct {
	Have    *tsapi.Credential // nil: there is none of that name
	Want    tsapi.Credential
	Changes []Change // from Have to Want; none: it is as wanted
}

// Plan looks for the credential with the name that is wanted.
func (t Tailnet) Plan(ctx context.Context, want tsapi.Credential) (Plan, error) {
	p := Plan{Want: want}
	all, err := t.List(ctx)
	if err != nil {
		return p, err
	}
	switch found := named(all, want.Description); len(found) {
	case 0:
	case 1:
		p.Have, p.Changes = &found[0], Changes(found[0], want)
	default:
		err = ambiguous(want.Description, found)
	}
	return p, err
}

// PlanOf is what there is to do for the credential with a name or an ID. What
// the wish leaves out it keeps of its name and kind, and of nothing else.
func (t Tailnet) PlanOf(ctx context.Context, nameOrID string, w Wish) (Plan, error) {
	have, err := t.Find(ctx, nameOrID)
	if err != nil {
		return Plan{}, err
	}
	if have.Invalid {
		return Plan{}, deleted(have)
	}
	w.Kind = orElse(w.Kind, have.Kind)
	w.Name = orElse(w.Name, have.Description)
	want, err := w.Credential()
	if err == nil && want.Kind != have.Kind {
		err = otherKind(have, want)
	}
	return Plan{Have: &have, Want: want, Changes: Changes(have, want)}, err
}

func orElse[T ~string](value, otherwise T) T {
	if value == "" {
		return otherwise
	}
	return value
}

// Make makes a credential. The secret is that of an OAuth client, which nobody
// can ask for again.
func (t Tailnet) Make(ctx context.Context, want tsapi.Credential) (tsapi.Credential, secret.Text, error) {
	var key secret.Text
	tried := false
	made, err := call(ctx, t, "creating trust credential "+want.Description, want, func(ctx context.Context) (made tsapi.Credential, err error) {
		if tried { // the answer may be all that was lost
			if made, err = t.adopt(ctx, want); made.ID != "" || err != nil {
				return made, err
			}
		}
		tried = true
		made, key, err = t.api().CreateCredential(ctx, t.Token, want)
		return made, err
	})
	if !key.IsZero() {
		t.Asked.Mask(key)
	}
	return made, key, err
}

// adopt looks for what a try made whose answer was lost. An OAuth client
// without its secret is of no use, so that is deleted; then there is none.
func (t Tailnet) adopt(ctx context.Context, want tsapi.Credential) (tsapi.Credential, error) {
	all, err := t.api().Credentials(ctx, t.Token)
	if err != nil {
		return tsapi.Credential{}, err
	}
	for _, c := range named(all, want.Description) {
		if len(Changes(c, want)) > 0 {
			continue
		}
		if c.Kind == tsapi.Federated {
			return c, nil
		}
		if err := t.api().DeleteCredential(ctx, t.Token, c.ID); err != nil {
			return tsapi.Credential{}, err
		}
	}
	return tsapi.Credential{}, nil
}

// Set makes the credential that a plan found as wanted, as a whole.
func (t Tailnet) Set(ctx context.Context, p Plan) (tsapi.Credential, error) {
	want := p.Want
	want.ID = p.Have.ID
	if want.Kind == tsapi.Federated {
		want.Audience = Audience(want)
	}
	return call(ctx, t, "updating trust credential "+want.ID, want, func(ctx context.Context) (tsapi.Credential, error) {
		return t.api().SetCredential(ctx, t.Token, want)
	})
}

// Delete makes a credential useless. One that is deleted already stays so.
func (t Tailnet) Delete(ctx context.Context, c tsapi.Credential) error {
	_, err := call(ctx, t, "deleting trust credential "+c.ID, c, func(ctx context.Context) (struct{}, error) {
		err := t.api().DeleteCredential(ctx, t.Token, c.ID)
		if isNotFound(err) {
			err = nil
		}
		return struct{}{}, err
	})
	return err
}
