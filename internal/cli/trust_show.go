package cli

import (
	"context"
	"flag"
	"maps"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

func formats() []string { return slices.Sorted(maps.Keys(trust.Formats)) }

// trustList is the command `trust list`.
func (f *front) trustList(ctx context.Context, args []string) error {
	var in trustInputs
	fs := flag.NewFlagSet("trust list", flag.ContinueOnError)
	in.flags(fs)
	in.formFlag(fs)
	if err := in.parse(f, fs, args, 0, 0, ""); err != nil {
		return err
	}
	tailnet, err := f.tailnet(ctx, &in)
	if err != nil {
		return err
	}
	all, err := tailnet.List(ctx)
	if err != nil {
		return err
	}
	return f.writeCredentials(all, in.form)
}

// trustShow is the command `trust show`.
func (f *front) trustShow(ctx context.Context, args []string) error {
	var in trustInputs
	fs := flag.NewFlagSet("trust show", flag.ContinueOnError)
	in.flags(fs)
	in.formFlag(fs)
	if err := in.parse(f, fs, args, 1, 1, "NAME|ID"); err != nil {
		return err
	}
	tailnet, err := f.tailnet(ctx, &in)
	if err != nil {
		return err
	}
	c, err := tailnet.Find(ctx, in.words[0])
	if err != nil {
		return err
	}
	return f.writeCredential(newCredentialRow(c), in.form)
}

// A credentialRow is a trust credential as programs read it.
type credentialRow struct {
	ID       string            `json:"id,omitempty"` // "" before it is made
	Kind     string            `json:"kind"`         // federated or client
	Name     string            `json:"name"`
	Issuer   string            `json:"issuer,omitempty"`
	Subject  string            `json:"subject,omitempty"`
	Audience string            `json:"audience,omitempty"`
	Claims   map[string]string `json:"claims,omitempty"`
	Scopes   []string          `json:"scopes"`
	Tags     []string          `json:"tags"`
	Created  string            `json:"created,omitempty"` // RFC 3339
	Updated  string            `json:"updated,omitempty"`
	Deleted  string            `json:"deleted,omitempty"`
	Secret   string            `json:"secret,omitempty"` // of an OAuth client that was made just now
}

func newCredentialRow(c tsapi.Credential) credentialRow {
	r := credentialRow{
		ID: c.ID, Kind: string(c.Kind), Name: c.Description, Issuer: c.Issuer, Subject: c.Subject, Claims: c.Claims,
		Scopes: append([]string{}, c.Scopes...), Tags: append([]string{}, c.Tags...),
		Created: timestamp(c.Created), Updated: timestamp(c.Updated), Deleted: timestamp(c.Revoked),
	}
	if c.Kind == tsapi.Federated {
		r.Audience = trust.Audience(c)
	}
	return r
}

func (r credentialRow) rows() []variable {
	rows := []variable{
		{"id", r.ID}, {"kind", r.Kind}, {"name", r.Name}, {"issuer", r.Issuer}, {"subject", r.Subject}, {"audience", r.Audience},
	}
	for _, path := range slices.Sorted(maps.Keys(r.Claims)) {
		rows = append(rows, variable{"claim " + path, r.Claims[path]})
	}
	return append(rows, variable{"scopes", strings.Join(r.Scopes, ", ")}, variable{"tags", strings.Join(r.Tags, ", ")},
		variable{"created", r.Created}, variable{"updated", r.Updated}, variable{"deleted", r.Deleted})
}

// width is that of the column of names.
func (r credentialRow) width() (width int) {
	for _, row := range r.rows() {
		if row.value != "" {
			width = max(width, len(row.name))
		}
	}
	return width
}

func (f *front) writeCredential(r credentialRow, form string) error {
	if form == "json" {
		return f.writeJSON(r)
	}
	f.writeRows(r.rows())
	return nil
}

func (f *front) writeCredentials(all []tsapi.Credential, form string) error {
	rows := []credentialRow{}
	for _, c := range all {
		rows = append(rows, newCredentialRow(c))
	}
	if form == "json" {
		return f.writeJSON(rows)
	}
	if len(rows) == 0 {
		f.log("").Info("there is no trust credential that this access token may see")
		return nil
	}
	table := [][]string{{"ID", "KIND", "NAME", "SCOPES", "TAGS", "SUBJECT"}}
	for _, r := range rows {
		table = append(table, []string{r.ID, r.Kind, r.Name, strings.Join(r.Scopes, ","), strings.Join(r.Tags, ","), r.Subject})
	}
	f.writeTable(table)
	return nil
}
