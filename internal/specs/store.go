// Package specs keeps named specs where a team finds them, in a file of the
// repository, in variables of GitHub or at Namespace, and finds the one that a
// job names.
package specs

import (
	"context"
	"fmt"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// A Store is one place that keeps specs.
type Store struct {
	Where string // for people: "the file .tailjoin.hujson"

	// List are all specs, read strictly.
	List func(context.Context) (Listing, error)

	missing func() bool // there is no such place; nil is never
	put     func(ctx context.Context, name string, s spec.Spec) error
	remove  func(ctx context.Context, name string) (found bool, err error)
}

// A Listing is what a store has. Its JSON is that of Namespace's own program.
type Listing struct {
	Version string   `json:"metadata_version,omitempty"` // of Namespace's store
	Specs   spec.Set `json:"tailscale"`
}

// Set creates or replaces a spec.
func (s Store) Set(ctx context.Context, name string, one spec.Spec) error {
	if err := spec.CheckName(name); err != nil {
		return err
	}
	if err := one.Check("the spec " + name); err != nil {
		return err
	}
	return s.put(ctx, name, one)
}

// Get finds a spec.
func (s Store) Get(ctx context.Context, name string) (spec.Spec, error) {
	return Find(ctx, name, s.Place())
}

// Remove removes a spec, which must be there.
func (s Store) Remove(ctx context.Context, name string) error {
	found, err := s.remove(ctx, name)
	if err == nil && !found {
		return unknown(name, []diag.Fact{{Name: "looked in", Value: s.Where}})
	}
	return err
}

// A Place is where a job looks for the spec that it names.
type Place struct {
	where string
	get   func(ctx context.Context, name string) (one spec.Spec, found bool, instead string, err error)
}

// Place is the store as a job sees it.
func (s Store) Place() Place {
	return Place{s.Where, func(ctx context.Context, name string) (spec.Spec, bool, string, error) {
		all, err := s.List(ctx)
		one, found := all.Specs[name]
		if err == nil && found {
			err = one.Check(fmt.Sprintf("the spec %s in %s", name, s.Where))
		}
		return one, found, s.instead(all), err
	}}
}

// instead is what there is where a spec is not.
func (s Store) instead(all Listing) string {
	if s.missing != nil && s.missing() {
		return "is not there"
	}
	return has(all.Specs.Names())
}

// Find looks in one place after the other: the first that has the spec is the
// one.
func Find(ctx context.Context, name string, places ...Place) (spec.Spec, error) {
	var looked []diag.Fact
	for _, p := range places {
		one, found, instead, err := p.get(ctx, name)
		if found || err != nil {
			return one, err
		}
		looked = append(looked, diag.Fact{Name: "looked in", Value: p.where + ", which " + instead})
	}
	return spec.Spec{}, unknown(name, looked)
}

func has(names []string) string {
	if len(names) == 0 {
		return "has no spec"
	}
	return "has " + strings.Join(names, ", ")
}

func unknown(name string, looked []diag.Fact) error {
	return &diag.Problem{
		Code: "spec-unknown", Input: true,
		Summary: fmt.Sprintf("there is no spec %q", name),
		Facts:   looked,
		Hint: "see the spelling. A job finds a spec in the file .tailjoin.hujson of its repository, once that is checked out;\n" +
			"in what a workflow passes as specs: ${{ toJSON(vars) }}; and on a machine of Namespace, in its workspace",
	}
}
