package specs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// GitHub are the variables of an organisation, a repository or an environment,
// a variable for each spec. Sight says who is to see an organisation's.
func GitHub(c *github.Client, p github.Place, sight github.Sight) Store {
	v := variables{c, p, sight}
	return Store{
		Where:  "the variables of " + p.String(),
		List:   v.list,
		put:    v.put,
		remove: v.remove,
	}
}

type variables struct {
	*github.Client
	place github.Place
	sight github.Sight
}

func (v variables) list(ctx context.Context) (Listing, error) {
	set := spec.Set{}
	found, err := v.Variables(ctx, v.place, spec.VariablePrefix)
	for _, variable := range found {
		name := spec.NameOf(variable.Name)
		if name == "" {
			continue
		}
		one, readErr := spec.ReadOne(fmt.Sprintf("the variable %s of %s", variable.Name, v.place), []byte(variable.Value))
		if readErr != nil {
			return Listing{}, readErr
		}
		set[name] = one
	}
	return Listing{Specs: set}, err
}

func (v variables) put(ctx context.Context, name string, s spec.Spec) error {
	value, err := json.MarshalIndent(s, "", "  ") // for whoever looks at it in GitHub's settings
	if err != nil {
		return err
	}
	return v.SetVariable(ctx, v.place, github.Variable{Name: spec.Variable(name), Value: string(value), Sight: v.sight})
}

// remove tells a variable that is not there from a place that is not.
func (v variables) remove(ctx context.Context, name string) (found bool, err error) {
	err = v.RemoveVariable(ctx, v.place, spec.Variable(name))
	if github.IsStatus(err, http.StatusNotFound) {
		if _, listErr := v.Variables(ctx, v.place, spec.VariablePrefix); listErr == nil {
			return false, nil
		}
	}
	return true, err
}

// Passed are the variables that a workflow passes: ${{ toJSON(vars) }}. Only
// the spec that is asked for is read.
func Passed(raw secret.Text) Place {
	const where = "the input specs"
	return Place{where, func(_ context.Context, name string) (spec.Spec, bool, string, error) {
		all, err := spec.Variables(where, raw)
		if err != nil {
			return spec.Spec{}, false, "", err
		}
		text, found := all[name]
		if !found {
			return spec.Spec{}, false, has(slices.Sorted(maps.Keys(all))), nil
		}
		one, err := spec.ReadOne("the variable "+spec.Variable(name), text)
		return one, true, "", err
	}}
}
