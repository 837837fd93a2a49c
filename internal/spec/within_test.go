package spec_test

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
)

func TestWithin_refusesWhatGoesBeyond(t *testing.T) {
	corp := spec.Spec{ClientID: "T1-CNTRL", Tags: []string{"tag:ci", "tag:deploy"}, Tailnet: "acme.ts.net"}
	lasting := spec.Spec{ClientID: "T1-CNTRL", Tags: []string{"tag:ci"}, Ephemeral: new(bool)}
	for name, c := range map[string]struct {
		spec  spec.Spec
		said  spec.Said
		input string // that is refused; "" if none
	}{
		"nothing":                  {corp, spec.Said{}, ""},
		"the same client":          {corp, spec.Said{ClientID: "T1-CNTRL"}, ""},
		"another client":           {corp, spec.Said{ClientID: "T2-CNTRL"}, "oauth-client-id"},
		"not preauthorized":        {corp, spec.Said{ClientID: "T1-CNTRL?preauthorized=false"}, ""},
		"not ephemeral":            {corp, spec.Said{ClientID: "T1-CNTRL?ephemeral=false"}, "oauth-client-id"},
		"not ephemeral, as in it":  {lasting, spec.Said{ClientID: "T1-CNTRL?ephemeral=false"}, ""},
		"ephemeral after all":      {lasting, spec.Said{ClientID: "T1-CNTRL?ephemeral=true"}, ""},
		"bare tags of the spec":    {spec.Spec{ClientID: "T1-CNTRL", Tags: []string{"ci"}}, spec.Said{Tags: []string{"tag:ci"}}, ""},
		"fewer tags":               {corp, spec.Said{Tags: []string{"tag:deploy"}}, ""},
		"another tag":              {corp, spec.Said{Tags: []string{"tag:ci", "tag:admin"}}, "tags"},
		"the same audience":        {corp, spec.Said{Audience: "api.tailscale.com/T1-CNTRL"}, ""},
		"another audience":         {corp, spec.Said{Audience: "x"}, "audience"},
		"the same tailnet":         {corp, spec.Said{Tailnet: "acme.ts.net"}, ""},
		"another tailnet":          {corp, spec.Said{Tailnet: "other.ts.net"}, "expected-tailnet"},
		"a tailnet where none was": {lasting, spec.Said{Tailnet: "other.ts.net"}, ""},
		"an auth key":              {corp, spec.Said{OtherWays: []string{"authkey"}}, "authkey"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.spec.Within("corp", c.said)
			p := diag.As(err)
			switch {
			case c.input == "" && err != nil:
				t.Error(err)
			case c.input != "" && (err == nil || p.Code != "spec-conflict" || !p.Input || p.Summary != "the input "+c.input+" goes beyond the spec corp"):
				t.Errorf("got %v, want a conflict of %s", err, c.input)
			}
		})
	}
}

func TestClientWith_saysWhetherNodesAreEphemeral(t *testing.T) {
	corp := spec.Spec{ClientID: "T1"}
	lasting := spec.Spec{ClientID: "T1", Ephemeral: new(bool)}
	for _, c := range []struct {
		spec       spec.Spec
		said, want string
	}{
		{corp, "", "T1?ephemeral=true"}, {corp, "T1", "T1?ephemeral=true"}, {corp, "T1?preauthorized=false", "T1?preauthorized=false"},
		{lasting, "", "T1?ephemeral=false"}, {lasting, "T1", "T1?ephemeral=false"}, {lasting, "T1?ephemeral=true", "T1?ephemeral=true"},
	} {
		if got := c.spec.ClientWith(c.said); got != c.want {
			t.Errorf("%q: got %q, want %q", c.said, got, c.want)
		}
	}
}
