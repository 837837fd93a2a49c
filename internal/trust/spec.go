package trust

import (
	"strings"

	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Spec is what jobs of the workload may ask of the tailnet. Its allow rules say
// again what the credential enforces, so that a job of another branch is told
// so before it asks anybody.
func (w Workload) Spec(c tsapi.Credential) spec.Spec {
	where := w.Where
	s := spec.Spec{ClientID: c.ID, Tags: c.Tags}
	if Audience(tsapi.Credential{ID: c.ID}) != Audience(c) {
		s.Audience = c.Audience
	}
	if w.Repository == "" {
		return s
	}
	s.Allow.Repositories = []string{w.Repository}
	switch {
	case where.Branch != "":
		s.Allow.Branches = []string{crossing(strings.TrimPrefix(where.Branch, branchRef))}
	case where.GitTag != "":
		s.Allow.Refs = []string{crossing(where.ref())}
	}
	if where.Environment != "" {
		s.Allow.Environments = []string{crossing(where.Environment)}
	}
	return s
}

// crossing is a pattern of a credential as an allow rule has it: there a * alone
// does not match a slash.
func crossing(pattern string) string { return strings.ReplaceAll(pattern, "*", "**") }

const notInSpecNames lazy.Pattern = `[^a-z0-9]+`

// SpecName is a name for the workload's spec that every store can hold.
func (w Workload) SpecName() string {
	name := strings.Trim(notInSpecNames.Regexp().ReplaceAllLiteralString(strings.ToLower(w.Project), "-"), "-")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = strings.TrimSuffix("job-"+name, "-")
	}
	const longest = 50
	return strings.TrimRight(name[:min(len(name), longest)], "-")
}
