package policy_test

import (
	"strings"
	"testing"
)

// A file that differs from the live policy in line breaks alone is the live
// policy.
func TestApply_takesLayoutForNoChange(t *testing.T) {
	tm := newTeam(t)
	tm.write(strings.NewReplacer(`{"src": ["tag:ci"], "dst"`, "{\n\"src\": [\n\"tag:ci\"\n],\n\"dst\"", "\t\t\"tag:db\": [", "\n\n\"tag:db\":   [").Replace(base))
	_, plan := tm.look()
	if plan.Changed() || plan.Diff() != "" || plan.Effect() != "" {
		t.Errorf("changed:\n%s\n%s", plan.Diff(), plan.Effect())
	}
	tm.mustApply()
	if tm.sets() != 0 {
		t.Error("the policy was set")
	}
	// The order of names and a comment are something else.
	for _, text := range []string{
		strings.Replace(base, "// Jobs read the database.", "// Jobs use the database.", 1),
		strings.Replace(base, `"accept": ["tag:db:5432"], "deny": ["tag:db:22"]`, `"deny": ["tag:db:22"], "accept": ["tag:db:5432"]`, 1),
	} {
		tm.write(text)
		if _, plan := tm.look(); !plan.Changed() || plan.Diff() == "" {
			t.Errorf("no change: %s", text)
		}
	}
}
