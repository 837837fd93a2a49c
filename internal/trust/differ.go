package trust

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Change is one thing in which two credentials differ.
type Change struct {
	Field string `json:"field"` // "subject", or "claim environment"
	Have  string `json:"have"`  // "" if it is not there
	Want  string `json:"want"`
}

// Changes are those that make one credential another.
func Changes(have, want tsapi.Credential) (changes []Change) {
	if want.ID == "" {
		want.ID = have.ID // of which the audience may be made
	}
	before, after := Fields(have), Fields(want)
	names := slices.Collect(maps.Keys(after))
	for name := range before {
		if _, ok := after[name]; !ok {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, byPlace)
	for _, name := range names {
		if before[name] != after[name] {
			changes = append(changes, Change{name, before[name], after[name]})
		}
	}
	return changes
}

// places is the order of fields; those of claims come behind.
var places = []string{"kind", "name", "issuer", "subject", "audience", "scopes", "tags"}

func byPlace(a, b string) int {
	place := func(name string) int {
		if i := slices.Index(places, name); i >= 0 {
			return i
		}
		return len(places)
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
}

// Fields is a credential as text, field by field; what it lacks is left out.
func Fields(c tsapi.Credential) map[string]string {
	fields := map[string]string{
		"kind": string(c.Kind), "name": c.Description, "issuer": c.Issuer, "subject": c.Subject,
		"scopes": set(c.Scopes), "tags": set(c.Tags),
	}
	if c.Kind == tsapi.Federated {
		fields["audience"] = Audience(c)
	}
	for path, pattern := range c.Claims {
		fields["claim "+path] = pattern
	}
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	return fields
}

// set is a list whose order means nothing.
func set(items []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(items))), ", ")
}

// Audience is what tokens must be for. That which Tailscale makes up is not
// known before the credential is made.
func Audience(c tsapi.Credential) string {
	return cmp.Or(c.Audience, "api.tailscale.com/"+cmp.Or(c.ID, "CLIENT-ID"))
}
