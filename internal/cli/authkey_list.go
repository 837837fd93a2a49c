package cli

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/authkey"
	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A keyChoice is what the user says of the keys that are meant.
type keyChoice struct {
	keyInputs
	ids, tagged, described string
	form                   string
	filter                 authkey.Filter
}

func (c *keyChoice) flags(fs *flag.FlagSet) {
	c.keyInputs.flags(fs)
	fs.StringVar(&c.ids, "id", "", "comma-separated IDs of the keys; of these a list has those that have ended, too")
	fs.StringVar(&c.tagged, "tag", "", "comma-separated tags, each of which the key gives")
	fs.StringVar(&c.described, "description", "", "description of the key; * stands for any text")
	c.form = "table"
	fs.Var(choice{&c.form, []string{"table", "json"}}, "output", "table or json")
}

func (c *keyChoice) check() (err error) {
	if strings.Contains(c.ids, "tskey-") { // which is not to be shown
		return diag.Input("id must be the ID of a key, and this is the key", "the ID stands between the second hyphen and the third: it is kABC in tskey-auth-kABC-…")
	}
	c.filter.IDs, c.filter.Description = spec.List(c.ids), c.described
	c.filter.Tags, err = spec.Tags(c.tagged)
	return err
}

// authkeyList is the command `authkey list`.
func (f *front) authkeyList(ctx context.Context, args []string) error {
	var c keyChoice
	fs := flag.NewFlagSet("authkey list", flag.ContinueOnError)
	c.flags(fs)
	fs.Var(boolean{&c.filter.Ended}, "ended", "also keys that expired, were revoked or used up, if the API still lists them")
	if err := parse(fs, f.job, args); err != nil {
		return f.help(fs, err)
	}
	if err := c.check(); err != nil {
		return err
	}
	deps, err := f.keyDeps(&c.keyInputs)
	if err != nil {
		return err
	}
	deps.Access.Scopes = nil // auth_keys:read is enough, which a client may have alone
	keys, err := authkey.List(ctx, deps, c.filter)
	if err != nil {
		return err
	}
	return f.writeKeys(keys, c.form, "there is no such auth key")
}

// authkeyRevoke is the command `authkey revoke`.
func (f *front) authkeyRevoke(ctx context.Context, args []string) error {
	var c keyChoice
	dryRun := false
	fs := flag.NewFlagSet("authkey revoke", flag.ContinueOnError)
	c.flags(fs)
	fs.Var(boolean{&dryRun}, "dry-run", "only list the keys that would be revoked")
	if err := parse(fs, onlyByFlags(f.job, "id", "tag", "description"), args); err != nil {
		return f.help(fs, err)
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := authkey.CheckRevoke(c.filter); err != nil {
		return err
	}
	deps, err := f.keyDeps(&c.keyInputs)
	if err != nil {
		return err
	}
	keys, err := authkey.Revoke(ctx, deps, c.filter, dryRun)
	if err == nil || len(keys) > 0 {
		f.sayRevoked(keys, dryRun)
		if writing := f.writeKeys(keys, c.form, ""); writing != nil && err == nil {
			err = writing
		}
	}
	return err
}

// onlyByFlags is the job without some inputs: a variable that was set for
// another command must not revoke anything.
func onlyByFlags(job ci.Job, names ...string) ci.Job {
	input := job.Input
	job.Input = func(name string) string {
		if slices.Contains(names, name) {
			return ""
		}
		return input(name)
	}
	return job
}

func (f *front) sayRevoked(keys []tsapi.Key, dryRun bool) {
	switch n := len(keys); {
	case n == 0:
		f.log("").Info("there is nothing to revoke: no such auth key can be used")
	case dryRun:
		f.log("").Info(fmt.Sprintf("would revoke %s", counted(n, "auth key")))
	default:
		f.log("").Info(fmt.Sprintf("revoked %s; nodes that joined with it stay", counted(n, "auth key")))
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// A keyRow is an auth key as programs read it.
type keyRow struct {
	ID            string   `json:"id"`
	State         string   `json:"state"` // usable, expired, revoked, used up or invalid
	Description   string   `json:"description"`
	Tags          []string `json:"tags"`
	Reusable      bool     `json:"reusable"`
	Ephemeral     bool     `json:"ephemeral"`
	Preauthorized bool     `json:"preauthorized"`
	Created       string   `json:"created,omitempty"` // RFC 3339
	Expires       string   `json:"expires,omitempty"`
	Revoked       string   `json:"revoked,omitempty"`
	Key           string   `json:"key,omitempty"` // of one that was made just now
}

func newKeyRow(k tsapi.Key, state string) keyRow {
	return keyRow{
		ID: k.ID, State: state, Description: k.Description, Tags: append([]string{}, k.Tags...),
		Reusable: k.Reusable, Ephemeral: k.Ephemeral, Preauthorized: k.Preauthorized,
		Created: timestamp(k.Created), Expires: timestamp(k.Expires), Revoked: timestamp(k.Revoked),
	}
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// use is what the key is good for, in words.
func (k keyRow) use() string {
	words := []string{"for one node", "ephemeral"}
	if k.Reusable {
		words[0] = "reusable"
	}
	if !k.Ephemeral {
		words[1] = "lasting"
	}
	if k.Preauthorized {
		words = append(words, "preauthorized")
	}
	return strings.Join(words, ", ")
}

// writeKeys writes a list. none is said of an empty one, by the way.
func (f *front) writeKeys(keys []tsapi.Key, form, none string) error {
	rows := []keyRow{}
	now := time.Now()
	for _, k := range keys {
		rows = append(rows, newKeyRow(k, authkey.State(k, now)))
	}
	if form == "json" {
		return f.writeJSON(rows)
	}
	if len(rows) == 0 {
		if none != "" {
			f.log("").Info(none)
		}
		return nil
	}
	table := [][]string{{"ID", "STATE", "EXPIRES", "USE", "TAGS", "DESCRIPTION"}}
	for _, k := range rows {
		table = append(table, []string{k.ID, k.State, k.Expires, k.use(), strings.Join(k.Tags, ","), k.Description})
	}
	f.writeTable(table)
	return nil
}
