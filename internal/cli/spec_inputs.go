package cli

import (
	"flag"

	"github.com/tailjoin/tailjoin/internal/spec"
)

// specInputs are the fields of a spec as `spec set` takes them. A list is given
// several times, or with commas.
type specInputs struct {
	one                                                       spec.Spec
	tags, waitFor, repositories, branches, refs, environments []string
}

func (in *specInputs) flags(fs *flag.FlagSet) {
	fs.StringVar(&in.one.ClientID, "oauth-client-id", "", "client ID of the trust credential")
	fs.Var(lines{&in.tags}, "tag", "tag of the nodes, once for each or with commas: tag:ci")
	fs.Var(decision{&in.one.EnableMagicDNS}, "enable-magic-dns", "as accept-dns, in Namespace's words")
	fs.StringVar(&in.one.Hostname, "hostname", "", "name of the nodes: text with {repository}, {run} and {job}")
	fs.Var(decision{&in.one.AcceptRoutes}, "accept-routes", "use the subnet routes that peers offer; empty is true")
	fs.Var(decision{&in.one.AcceptDNS}, "accept-dns", "use the tailnet's DNS; empty is true")
	fs.StringVar(&in.one.ExitNode, "exit-node", "", "peer that carries all traffic: name, address or auto:any")
	fs.Var(lines{&in.waitFor}, "wait-for", "host:port that must accept a connection, once for each or with commas")
	fs.Var(decision{&in.one.Ephemeral}, "ephemeral", "nodes go when they have been away for a while; empty is true")
	fs.StringVar(&in.one.Tailnet, "tailnet", "", "tailnet that the credential must belong to")
	fs.StringVar(&in.one.Audience, "audience", "", "audience of the ID token; empty is api.tailscale.com/CLIENT-ID")
	fs.Var(lines{&in.repositories}, "allow-repository", "pattern of repositories that may use the spec: acme/*")
	fs.Var(lines{&in.branches}, "allow-branch", "pattern of branches: main, release/*")
	fs.Var(lines{&in.refs}, "allow-ref", "pattern of full refs: refs/tags/v*")
	fs.Var(lines{&in.environments}, "allow-environment", "pattern of environments: production")
}

func (in *specInputs) spec() spec.Spec {
	s := in.one
	s.Tags, s.WaitFor = items(in.tags), items(in.waitFor)
	s.Allow = spec.Allow{
		Repositories: items(in.repositories), Branches: items(in.branches), Refs: items(in.refs), Environments: items(in.environments),
	}
	return s
}
