package tsapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

func TestLacking_countsTheCompanionsOfAScope(t *testing.T) {
	for _, c := range []struct{ have, want, lacking string }{
		{"auth_keys", "auth_keys", ""},
		{"auth_keys", "auth_keys:read", ""},
		{"auth_keys:read", "auth_keys", "auth_keys"},
		{"", "auth_keys", "auth_keys"},
		{"devices", "devices:core:read", ""},
		{"all", "policy_file", ""},
		{"all:read", "policy_file:read", ""},
		{"all:read", "policy_file", "policy_file devices:posture_attributes"},
		{"acl", "policy_file", ""},
		{"acl:read", "policy_file:read", ""},
		{"policy_file", "policy_file", "devices:core:read devices:posture_attributes"},
		{"policy_file devices:core:read", "policy_file", "devices:posture_attributes"},
		{"policy_file devices:core:read devices:posture_attributes:read", "policy_file", "devices:posture_attributes"},
		{"policy_file devices:core:read devices:posture_attributes", "policy_file", ""},
		{"policy_file devices:core devices:posture_attributes", "policy_file:read", ""},
		{"policy_file devices", "policy_file", ""},
		{"policy_file", "policy_file:read", "devices:core:read devices:posture_attributes:read"},
		{"policy_file:read", "policy_file:read", "devices:core:read devices:posture_attributes:read"},
		{"policy_file:read devices:core:read devices:posture_attributes:read", "policy_file:read", ""},
		{"policy_file:read devices:core:read devices:posture_attributes:read", "policy_file", "policy_file devices:posture_attributes"},
	} {
		got := strings.Join(tsapi.Lacking(strings.Fields(c.have), c.want), " ")
		if d := cmp.Diff(c.lacking, got); d != "" {
			t.Errorf("%s of %q (-want +got):\n%s", c.want, c.have, d)
		}
	}
}

func TestWithCompanions_addsWhatIsMissing(t *testing.T) {
	for scopes, want := range map[string]string{
		"auth_keys":                      "auth_keys",
		"policy_file":                    "devices:core:read devices:posture_attributes policy_file",
		"policy_file:read":               "devices:core:read devices:posture_attributes:read policy_file:read",
		"policy_file devices":            "devices policy_file",
		"all policy_file":                "all policy_file",
		"policy_file policy_file:read":   "devices:core:read devices:posture_attributes policy_file policy_file:read",
		"policy_file devices:core dns":   "devices:core devices:posture_attributes dns policy_file",
		"acl":                            "acl",
		"services services auth_keys":    "auth_keys services",
		"policy_file devices:core:read ": "devices:core:read devices:posture_attributes policy_file",
	} {
		if d := cmp.Diff(want, strings.Join(tsapi.WithCompanions(strings.Fields(scopes)), " ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", scopes, d)
		}
	}
}
