package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// Said is what a user said beside a spec, as far as rights hang on it. Empty
// fields were not said.
type Said struct {
	ClientID  string // with attributes behind it, as Attributes reads them
	Audience  string
	Tailnet   string
	Tags      []string
	OtherWays []string // of proving who the job is, by the names of their inputs
}

// Within refuses what would give a job more than the spec with this name does.
// All else that is said beside a spec wins.
func (s Spec) Within(name string, said Said) error {
	for _, check := range []func(Spec, Said) *conflict{
		Spec.wayConflict, Spec.clientConflict, Spec.ephemeralConflict, Spec.audienceConflict, Spec.tailnetConflict, Spec.tagsConflict,
	} {
		if c := check(s, said); c != nil {
			return c.problem(name)
		}
	}
	return nil
}

// A conflict is an input that goes beyond a spec.
type conflict struct{ input, given, spec string }

func (c *conflict) problem(name string) error {
	return &diag.Problem{
		Code: "spec-conflict", Input: true,
		Summary: fmt.Sprintf("the input %s goes beyond the spec %s", c.input, name),
		Facts:   []diag.Fact{{Name: "given", Value: c.given}, {Name: "in the spec", Value: c.spec}},
		Hint:    fmt.Sprintf("leave %s out, or use a spec that has it. Inputs win over a spec where they ask for less, or for something else", c.input),
	}
}

func (s Spec) wayConflict(said Said) *conflict {
	if len(said.OtherWays) == 0 {
		return nil
	}
	return &conflict{said.OtherWays[0], "(a secret)", "the job's own identity, by oauth_client_id " + s.ClientID}
}

func (s Spec) clientConflict(said Said) *conflict {
	client, _, _ := strings.Cut(said.ClientID, "?")
	if client == "" || client == s.ClientID {
		return nil
	}
	return &conflict{"oauth-client-id", client, s.ClientID}
}

func (s Spec) ephemeralConflict(said Said) *conflict {
	client, err := Attributes("oauth-client-id", said.ClientID)
	if err != nil || client.Ephemeral || !s.IsEphemeral() {
		return nil
	}
	return &conflict{"oauth-client-id", said.ClientID, "ephemeral: true"}
}

func (s Spec) audienceConflict(said Said) *conflict {
	if said.Audience == "" || said.Audience == s.audience() {
		return nil
	}
	return &conflict{"audience", said.Audience, s.audience()}
}

func (s Spec) audience() string {
	if s.Audience != "" {
		return s.Audience
	}
	return "api.tailscale.com/" + s.ClientID
}

func (s Spec) tailnetConflict(said Said) *conflict {
	if said.Tailnet == "" || s.Tailnet == "" || said.Tailnet == s.Tailnet {
		return nil
	}
	return &conflict{"expected-tailnet", said.Tailnet, s.Tailnet}
}

func (s Spec) tagsConflict(said Said) *conflict {
	own, _ := Tags(strings.Join(s.Tags, ",")) // a spec may leave out the prefix
	for _, tag := range said.Tags {
		if !slices.Contains(own, tag) {
			return &conflict{"tags", strings.Join(said.Tags, ", "), strings.Join(s.Tags, ", ")}
		}
	}
	return nil
}

// ClientWith is the spec's client ID with the attributes that the user gave it,
// in the form that Attributes reads. Without any the spec says whether nodes
// are ephemeral.
func (s Spec) ClientWith(said string) string {
	if strings.Contains(said, "?") {
		return said
	}
	return fmt.Sprintf("%s?ephemeral=%t", s.ClientID, s.IsEphemeral())
}
