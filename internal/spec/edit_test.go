package spec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/spec"
)

const written = `// ours
{
	// all of them
	"specs": {
		// what most jobs use
		"corp": {
			"oauth_client_id": "T1", // of the credential "ci"
			// the policy has them
			"tags": [
				"tag:ci", // everybody
				"tag:deploy",
			],
			"tailnet": "acme.ts.net",
			"allow": {
				"repositories": ["acme/*"], // not the forks
				"branches":     ["main"],
			},
		},

		/* to be removed */
		"old": {"oauth_client_id": "T0", "tags": ["tag:old"]},
	},
}
`

func TestPut_changesNothingElse(t *testing.T) {
	set, err := spec.ReadFile("f", []byte(written))
	if err != nil {
		t.Fatal(err)
	}
	same, err := spec.Put([]byte(written), "corp", set["corp"])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(written, string(same)); d != "" {
		t.Errorf("nothing was to change (-before +after):\n%s", d)
	}
	changed := set["corp"]
	changed.ClientID, changed.Tailnet, changed.WaitFor = "T2", "", []string{"db:5432"}
	changed.Allow.Branches, changed.Allow.Environments = nil, []string{"production"}
	want := `// ours
{
	// all of them
	"specs": {
		// what most jobs use
		"corp": {
			"oauth_client_id": "T2", // of the credential "ci"
			// the policy has them
			"tags": [
				"tag:ci", // everybody
				"tag:deploy",
			],
			"allow": {
				"repositories": ["acme/*"], // not the forks
				"environments": ["production"],
			},
			"wait_for": ["db:5432"],
		},

		/* to be removed */
		"old": {"oauth_client_id": "T0", "tags": ["tag:old"]},
	},
}
`
	wantPut(t, written, "corp", changed, want)
}

func TestPut_addsASpec(t *testing.T) {
	simple := spec.Spec{ClientID: "T9", Tags: []string{"tag:ci"}, AcceptRoutes: is(false)}
	wantPut(t, "", "corp", simple, `// What jobs of this repository may ask of a tailnet, by name. No value is a secret.
// Change it here or by tailjoin spec set. See https://github.com/tailjoin/tailjoin/blob/v1/docs/specs.md
{
	"specs": {
		"corp": {
			"oauth_client_id": "T9",
			"tags":            ["tag:ci"],
			"accept_routes":   false,
		},
	},
}
`)
	// A file that is plain JSON stays plain JSON.
	wantPut(t, `{"specs": {"a": {"oauth_client_id": "T1", "tags": ["tag:a"]}}}`, "b", simple, `{
	"specs": {
		"a": {"oauth_client_id": "T1", "tags": ["tag:a"]},
		"b": {
			"oauth_client_id": "T9",
			"tags":            ["tag:ci"],
			"accept_routes":   false
		}
	}
}
`)
	wantPut(t, "{}", "a", spec.Spec{ClientID: "T9", Tags: []string{"tag:ci"}}, `{
	"specs": {
		"a": {
			"oauth_client_id": "T9",
			"tags":            ["tag:ci"]
		}
	}
}
`)
}

func wantPut(t *testing.T, before, name string, s spec.Spec, want string) {
	t.Helper()
	got, err := spec.Put([]byte(before), name, s)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("after putting %s (-want +got):\n%s", name, d)
	}
	set, err := spec.ReadFile("f", got)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, set[name]); d != "" {
		t.Errorf("%s is read as (-want +got):\n%s", name, d)
	}
}

func TestRemove_leavesTheOthers(t *testing.T) {
	got, err := spec.Remove([]byte(written), "old")
	if err != nil {
		t.Fatal(err)
	}
	set, err := spec.ReadFile("f", got)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"corp"}, set.Names()); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
}
