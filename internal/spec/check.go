package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
)

// Check refuses a spec that could only fail later, or that holds a secret. where
// is what people call it.
func (s Spec) Check(where string) error {
	f := s.fault()
	switch {
	case f == nil:
		return nil
	case f.secret:
		p := looksSecret(where)
		p.Facts = append(p.Facts, diag.Fact{Name: "field", Value: f.field.String()})
		return p
	}
	p := document{where: where}.invalid(f.what, f.because, f.hint)
	p.Facts = append([]diag.Fact{{Name: "field", Value: f.field.String()}}, p.Facts...)
	return p
}

// check is Check for a spec that was read at a place in a document.
func (d document) check(s Spec, here path) error {
	f := s.fault()
	switch {
	case f == nil:
		return nil
	case f.secret: // written with escapes, or it was found before
		return d.at(looksSecret(d.where), append(slices.Clip(here), f.field...))
	}
	return d.at(d.invalid(f.what, f.because, f.hint), append(slices.Clip(here), f.field...))
}

// A fault is what is wrong with one field of a spec.
type fault struct {
	field               path
	what, because, hint string
	secret              bool
}

func (s Spec) fault() *fault {
	for _, check := range []func(Spec) *fault{
		Spec.secretFault, Spec.clientFault, Spec.tagsFault, Spec.dnsFault, Spec.hostnameFault, Spec.exitNodeFault,
		Spec.waitForFault, Spec.wordsFault, Spec.allowFault,
	} {
		if f := check(s); f != nil {
			return f
		}
	}
	return nil
}

// secretFault finds what was not read from a document: there it was found
// before.
func (s Spec) secretFault() *fault {
	for _, v := range s.values() {
		if LooksSecret(v.text) {
			return &fault{field: v.field, secret: true}
		}
	}
	return nil
}

// A value is one text in a spec.
type value struct {
	field path
	text  string
}

func (s Spec) values() []value {
	all := []value{
		{path{"oauth_client_id"}, s.ClientID}, {path{"hostname"}, s.Hostname}, {path{"exit_node"}, s.ExitNode},
		{path{"tailnet"}, s.Tailnet}, {path{"audience"}, s.Audience},
	}
	all = append(all, listed(path{"tags"}, s.Tags)...)
	all = append(all, listed(path{"wait_for"}, s.WaitFor)...)
	for _, l := range s.Allow.lists() {
		all = append(all, listed(l.field, l.patterns)...)
	}
	return all
}

func listed(field path, texts []string) (all []value) {
	for i, text := range texts {
		all = append(all, value{field.then(fmt.Sprint(i)), text})
	}
	return all
}

// clientID is what Tailscale makes: T…CNTRL-k…CNTRL.
const clientID lazy.Pattern = `^[A-Za-z0-9_-]+$`

func (s Spec) clientFault() *fault {
	const where = "it is shown at the trust credential: https://login.tailscale.com/admin/settings/trust-credentials"
	switch {
	case s.ClientID == "":
		return &fault{field: path{"oauth_client_id"}, what: "it has no oauth_client_id", hint: where}
	case strings.Contains(s.ClientID, "?"):
		return &fault{field: path{"oauth_client_id"}, what: "its client ID has attributes", hint: "write them as fields: ephemeral is one"}
	case !clientID.Matches(s.ClientID):
		return &fault{field: path{"oauth_client_id"}, what: "its client ID is none", hint: where}
	}
	return nil
}

func (s Spec) tagsFault() *fault {
	const form = `a tag is written tag:name, as in the tailnet policy: "tags": ["tag:ci", "tag:deploy"]`
	if len(s.Tags) == 0 {
		return &fault{field: path{"tags"}, what: "it has no tags", hint: "a node that joins by a trust credential must have tags; " + form}
	}
	for _, v := range listed(path{"tags"}, s.Tags) {
		if tags, err := Tags(v.text); err != nil || len(tags) != 1 {
			return &fault{field: v.field, what: fmt.Sprintf("%q is not a tag", v.text), hint: form}
		}
	}
	return nil
}

func (s Spec) dnsFault() *fault {
	if s.AcceptDNS != nil && s.EnableMagicDNS != nil && *s.AcceptDNS != *s.EnableMagicDNS {
		return &fault{field: path{"accept_dns"}, what: "accept_dns and enable_magic_dns differ",
			hint: "they are two names for one thing, the second one Namespace's: leave one out"}
	}
	return nil
}

func (s Spec) hostnameFault() *fault {
	if s.Hostname == "" {
		return nil
	}
	if err := checkHostname(s.Hostname); err != nil {
		return &fault{field: path{"hostname"}, what: fmt.Sprintf("the hostname %q cannot be used", s.Hostname), because: cause(err),
			hint: "write a DNS label, with variables if it helps: " + strings.Join(variables, " ")}
	}
	return nil
}

// cause is the reason that a problem gives, or the error itself.
func cause(err error) string {
	if p, ok := errors.AsType[*diag.Problem](err); ok && len(p.Facts) > 0 {
		return p.Facts[0].Value
	}
	return err.Error()
}

func (s Spec) exitNodeFault() *fault {
	if strings.HasPrefix(s.ExitNode, "-") {
		return &fault{field: path{"exit_node"}, what: fmt.Sprintf("%q is no exit node", s.ExitNode), hint: "name a peer, its address, or auto:any"}
	}
	return nil
}

func (s Spec) waitForFault() *fault {
	for _, v := range listed(path{"wait_for"}, s.WaitFor) {
		if targets, err := Targets(v.text); err != nil || len(targets) != 1 {
			return &fault{field: v.field, what: fmt.Sprintf("%q is not host:port", v.text), hint: `name TCP ports: "wait_for": ["my-server:443"]`}
		}
	}
	return nil
}

// wordsFault refuses blanks and what cannot be seen where a single word is
// wanted.
func (s Spec) wordsFault() *fault {
	for _, v := range []value{{path{"exit_node"}, s.ExitNode}, {path{"tailnet"}, s.Tailnet}, {path{"audience"}, s.Audience}} {
		if strings.ContainsFunc(v.text, notInWord) {
			return &fault{field: v.field, what: fmt.Sprintf("%q is not one word", v.text), hint: "leave out blanks"}
		}
	}
	return nil
}

func notInWord(r rune) bool { return r <= ' ' || r == 0x7f }

// A list is one list of patterns.
type list struct {
	field    path
	patterns []string
	foreign  string // characters that such names never have
}

// Source of what no ref has: git check-ref-format.
func (a Allow) lists() []list {
	const refs = " ~^:?[\\"
	return []list{
		{path{"allow", "repositories"}, a.Repositories, " ?[]{}()|^$\\+"},
		{path{"allow", "branches"}, a.Branches, refs},
		{path{"allow", "refs"}, a.Refs, refs},
		{path{"allow", "environments"}, a.Environments, ""},
	}
}

func (s Spec) allowFault() *fault {
	for _, l := range s.Allow.lists() {
		if l.patterns != nil && len(l.patterns) == 0 {
			return &fault{field: l.field, what: "it allows nothing: " + l.field.String() + " is empty", hint: "leave the list out, if it is for all"}
		}
		for _, v := range listed(l.field, l.patterns) {
			if err := checkPattern(v.text, l.foreign); err != nil {
				return &fault{field: v.field, what: fmt.Sprintf("%q is no pattern", v.text), because: err.Error(),
					hint: "a pattern describes the whole name: acme/*, main, release/**"}
			}
		}
	}
	return branchFault(s.Allow.Branches)
}

// branchFault finds a ref where a branch is wanted.
func branchFault(branches []string) *fault {
	for _, v := range listed(path{"allow", "branches"}, branches) {
		if strings.HasPrefix(v.text, "refs/") {
			return &fault{field: v.field, what: fmt.Sprintf("%q is a ref, not a branch", v.text), hint: "write the branch alone, or put it into refs"}
		}
	}
	return nil
}
