package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
)

// A Spec is what jobs may ask of a tailnet under one name, and which jobs may.
// No value of it is a secret. The JSON names of the first three fields are
// those of Namespace's integration.
type Spec struct {
	ClientID       string   `json:"oauth_client_id"`
	Tags           []string `json:"tags"`                       // at least one
	EnableMagicDNS *bool    `json:"enable_magic_dns,omitempty"` // Namespace's name for AcceptDNS

	Hostname     string   `json:"hostname,omitempty"`      // see Hostname.Expand
	AcceptRoutes *bool    `json:"accept_routes,omitempty"` // nil is true, as without a spec
	AcceptDNS    *bool    `json:"accept_dns,omitempty"`    // nil is true
	ExitNode     string   `json:"exit_node,omitempty"`     // a peer's name or address, or auto:any
	WaitFor      []string `json:"wait_for,omitempty"`      // host:port
	Ephemeral    *bool    `json:"ephemeral,omitempty"`     // nil is true

	Tailnet  string `json:"tailnet,omitempty"`  // that the credential must belong to
	Audience string `json:"audience,omitempty"` // of the ID token; "" is api.tailscale.com/ClientID

	Allow Allow `json:"allow,omitzero"`
}

// A Set is specs by name.
type Set map[string]Spec

// Names are those of the set, sorted.
func (s Set) Names() []string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// DNS says whether the node uses the tailnet's DNS, nil if the spec leaves
// that open.
func (s Spec) DNS() *bool {
	if s.AcceptDNS != nil {
		return s.AcceptDNS
	}
	return s.EnableMagicDNS
}

// IsEphemeral says whether the node goes when it has been away for a while.
func (s Spec) IsEphemeral() bool { return s.Ephemeral == nil || *s.Ephemeral }

// name is one that every store can hold: a variable's has no small letters,
// and no hyphens.
const name lazy.Pattern = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`

const longestName = 50

// CheckName checks the name of a spec that is to be written.
func CheckName(s string) error {
	if len(s) > longestName || !name.Matches(s) {
		return diag.Input(fmt.Sprintf("%q cannot be the name of a spec", s),
			fmt.Sprintf("use small letters, digits and single hyphens, %d at most, such as corp or eu-production", longestName))
	}
	return nil
}

// VariablePrefix is what the names of variables begin with that hold a spec.
const VariablePrefix = "TAILJOIN_SPEC_"

// Variable is the variable that holds the spec with this name.
func Variable(name string) string {
	return VariablePrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// NameOf is the name of the spec that a variable holds, "" if it holds none.
func NameOf(variable string) string {
	rest, ok := strings.CutPrefix(strings.ToUpper(variable), VariablePrefix)
	found := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
	if !ok || CheckName(found) != nil {
		return ""
	}
	return found
}
