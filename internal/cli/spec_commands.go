package cli

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/specs"
)

// specVerbs are those of `tailjoin spec`. Their words and their JSON are those
// of Namespace's `nsc integrations tailscale`.
func specVerbs() []command {
	return []command{
		{name: "set", summary: "create or replace a named spec: spec set NAME", run: (*front).specSet},
		{name: "list", summary: "list the specs that there are", run: (*front).specList},
		{name: "show", summary: "show all of a spec: spec show NAME", run: (*front).specShow},
		{name: "remove", summary: "remove a spec: spec remove NAME", run: (*front).specRemove},
	}
}

// A specCommand is one of them, as far as they are alike.
type specCommand struct {
	at     storeInputs
	output string
	name   string
	store  specs.Store
}

// open parses a verb's words and finds its store. forms are what it can print,
// the first by default; more declares flags of its own.
func (f *front) openSpecs(verb string, args []string, named bool, forms []string, more func(*flag.FlagSet)) (*specCommand, error) {
	c := &specCommand{output: forms[0]}
	fs := flag.NewFlagSet("spec "+verb, flag.ContinueOnError)
	c.at.flags(fs)
	fs.Var(choice{&c.output, forms}, "output", strings.Join(forms, " or "))
	if more != nil {
		more(fs)
	}
	words, err := parseAmongWords(fs, f.job, args)
	if err != nil {
		return nil, f.help(fs, err)
	}
	if c.name, err = nameAmong(words, named, fs); err != nil {
		return nil, err
	}
	c.store, err = f.store(&c.at)
	return c, err
}

// nameAmong is the one word that a verb takes, if it takes any.
func nameAmong(words []string, wanted bool, fs *flag.FlagSet) (string, error) {
	switch {
	case wanted && len(words) == 0:
		return "", diag.Input("it is not said which spec", "name one: tailjoin "+fs.Name()+" corp")
	case wanted && len(words) == 1:
		return words[0], nil
	case len(words) == 0:
		return "", nil
	default:
		return "", diag.Input(fmt.Sprintf("unexpected argument %q", words[len(words)-1]), seeHelp(fs))
	}
}

// specSet is the command `spec set`.
func (f *front) specSet(ctx context.Context, args []string) error {
	var in specInputs
	c, err := f.openSpecs("set", args, true, []string{"plain", "json"}, in.flags)
	if err != nil {
		return err
	}
	if err := c.store.Set(ctx, c.name, in.spec()); err != nil {
		return err
	}
	return f.tellChange(ctx, c, "Updated")
}

// specRemove is the command `spec remove`.
func (f *front) specRemove(ctx context.Context, args []string) error {
	c, err := f.openSpecs("remove", args, true, []string{"plain", "json"}, nil)
	if err != nil {
		return err
	}
	if err := c.store.Remove(ctx, c.name); err != nil {
		return err
	}
	return f.tellChange(ctx, c, "Removed")
}

// tellChange says what was done; as JSON, what there is now.
func (f *front) tellChange(ctx context.Context, c *specCommand, did string) error {
	if c.output == "json" {
		return f.listAsJSON(ctx, c)
	}
	_, err := fmt.Fprintf(f.streams[0], "%s Tailscale spec %q in %s.\n", did, c.name, f.job.Harmless(c.store.Where))
	return err
}

func (f *front) listAsJSON(ctx context.Context, c *specCommand) error {
	all, err := c.store.List(ctx)
	if err != nil {
		return err
	}
	return f.writeJSON(all)
}

// specList is the command `spec list`.
func (f *front) specList(ctx context.Context, args []string) error {
	c, err := f.openSpecs("list", args, false, []string{"table", "json"}, nil)
	if err != nil {
		return err
	}
	if c.output == "json" {
		return f.listAsJSON(ctx, c)
	}
	all, err := c.store.List(ctx)
	if err != nil {
		return err
	}
	if len(all.Specs) == 0 {
		_, err := fmt.Fprintf(f.streams[0], "No Tailscale specs in %s.\n", f.job.Harmless(c.store.Where))
		return err
	}
	table := [][]string{{"NAME", "OAUTH CLIENT ID", "TAGS", "MAGICDNS", "ALLOWED"}}
	for _, name := range all.Specs.Names() {
		s := all.Specs[name]
		table = append(table, []string{name, s.ClientID, orNone(s.Tags), magicDNS(s), allowed(s.Allow)})
	}
	f.writeTable(table)
	return nil
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func magicDNS(s spec.Spec) string {
	switch dns := s.DNS(); {
	case dns == nil:
		return ""
	case *dns:
		return "Enabled"
	default:
		return "Disabled"
	}
}

// allowed is who may use a spec, in one line.
func allowed(a spec.Allow) string {
	var parts []string
	for _, list := range [][]string{a.Repositories, a.Branches, a.Refs, a.Environments} {
		if len(list) > 0 {
			parts = append(parts, strings.Join(list, ", "))
		}
	}
	if len(parts) == 0 {
		return "all jobs"
	}
	return strings.Join(parts, "; ")
}

// specShow is the command `spec show`.
func (f *front) specShow(ctx context.Context, args []string) error {
	c, err := f.openSpecs("show", args, true, []string{"table", "json"}, nil)
	if err != nil {
		return err
	}
	s, err := c.store.Get(ctx, c.name)
	if err != nil {
		return err
	}
	if c.output == "json" {
		return f.writeJSON(s)
	}
	f.writeRows(specRows(c.name, s))
	return nil
}

// specRows are the fields of a spec that say something, by their names in JSON.
func specRows(name string, s spec.Spec) []variable {
	list := func(items []string) string { return strings.Join(items, ", ") }
	return []variable{
		{"name", name}, {"oauth_client_id", s.ClientID}, {"tags", list(s.Tags)}, {"enable_magic_dns", said(s.EnableMagicDNS)},
		{"hostname", s.Hostname}, {"accept_routes", said(s.AcceptRoutes)}, {"accept_dns", said(s.AcceptDNS)}, {"exit_node", s.ExitNode},
		{"wait_for", list(s.WaitFor)}, {"ephemeral", said(s.Ephemeral)}, {"tailnet", s.Tailnet}, {"audience", s.Audience},
		{"allow.repositories", list(s.Allow.Repositories)}, {"allow.branches", list(s.Allow.Branches)},
		{"allow.refs", list(s.Allow.Refs)}, {"allow.environments", list(s.Allow.Environments)},
	}
}

func said(decided *bool) string { return decision{&decided}.String() }
