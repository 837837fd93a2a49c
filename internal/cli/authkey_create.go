package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/authkey"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A keyOrder is what the user says of the key to make, and of where it goes.
type keyOrder struct {
	keyInputs
	key      tsapi.KeyRequest
	to       destination
	variable string
	form     string
}

// flags have the narrowest key as their default: for one node, which goes when
// it has been away for a while, and which is not approved in advance.
func (o *keyOrder) flags(fs *flag.FlagSet) {
	o.keyInputs.flags(fs)
	fs.StringVar(&o.tags, "tags", "", "comma-separated tags of the nodes that join with it: tag:ci,tag:deploy")
	o.key.Ephemeral, o.key.Lifetime = true, time.Hour
	fs.Var(boolean{&o.key.Reusable}, "reusable", "let any number of nodes join with it, until it expires")
	fs.Var(boolean{&o.key.Ephemeral}, "ephemeral", "have the nodes removed when they have been away for a while")
	fs.Var(boolean{&o.key.Preauthorized}, "preauthorized", "let the nodes in without an administrator's approval, where the tailnet asks for that")
	fs.Var(lifetime{duration{&o.key.Lifetime}}, "expiry", "how long nodes may join with it: 1m to 90d")
	fs.StringVar(&o.key.Description, "description", "", "what it is for, in 50 letters, digits, spaces and hyphens; empty names this job")
	o.to.flags(fs)
	fs.StringVar(&o.variable, "env", "", "set this variable for later steps, such as TS_AUTHKEY, and print nothing")
	fs.StringVar(&o.envFile, "env-file", "", "file that later commands source, for env on a CI that has no variables for later steps")
	o.form = "key"
	fs.Var(choice{&o.form, []string{"key", "json"}}, "output", "key, or json, which has its ID and what it may do, too")
}

// authkeyCreate is the command `authkey create`.
func (f *front) authkeyCreate(ctx context.Context, args []string) error {
	var o keyOrder
	fs := flag.NewFlagSet("authkey create", flag.ContinueOnError)
	o.flags(fs)
	if err := parse(fs, f.job, args); err != nil {
		return f.help(fs, err)
	}
	if err := f.checkOrder(&o); err != nil {
		return err
	}
	deps, err := f.keyDeps(&o.keyInputs)
	if err != nil {
		return err
	}
	return authkey.Create(ctx, deps, o.key, func(key tsapi.AuthKey) error { return f.deliverKey(key, o) })
}

// checkOrder refuses what could only fail once the key is made.
func (f *front) checkOrder(o *keyOrder) (err error) {
	if o.key.Tags, err = spec.Tags(o.tags); err != nil {
		return err
	}
	o.key.Description = cmp.Or(o.key.Description, describedBy(f.job.Name))
	if err := authkey.Check(o.key); err != nil {
		return err
	}
	if err := o.checkAttributes(); err != nil {
		return err
	}
	if err := o.to.check(f.job); err != nil || o.variable == "" {
		return err
	}
	return f.checkVariable(o)
}

// describedBy is the description of a key that nobody described.
func describedBy(job string) string {
	text := "tailjoin " + spec.Label(job)
	return strings.TrimRight(text[:min(len(text), 50)], "-")
}

// checkAttributes refuses attributes behind a client ID or secret that say what
// flags say here.
func (o *keyOrder) checkAttributes() error {
	for _, given := range []struct{ name, value string }{{"oauth-client-id", o.oauthClientID}, {"oauth-secret", o.oauthSecret.Reveal()}} {
		_, attributes, _ := strings.Cut(given.value, "?")
		if strings.Contains(attributes, "ephemeral=") || strings.Contains(attributes, "preauthorized=") {
			return diag.Input(given.name+" has attributes of a key behind it", "say it by --ephemeral and --preauthorized, and leave out what stands behind the ?")
		}
	}
	return nil
}

const variableName lazy.Pattern = `^[A-Za-z_][A-Za-z0-9_]*$`

func (f *front) checkVariable(o *keyOrder) error {
	if !variableName.Matches(o.variable) {
		return diag.Input(fmt.Sprintf("env: %q is no name of a variable", o.variable), "name one, such as --env TS_AUTHKEY")
	}
	if err := f.openEnvFile(&o.inputs); err != nil {
		return err
	}
	if !f.job.Keeps {
		return diag.Input("nothing hands a secret variable on to later steps here",
			"give --env-file FILE as well, and have later commands source it; or --file PATH instead")
	}
	return nil
}

// deliverKey puts a key where it is wanted, and says what was made.
func (f *front) deliverKey(key tsapi.AuthKey, o keyOrder) (err error) {
	shown := newKeyRow(tsapi.Key{
		ID: key.ID, Description: o.key.Description, Tags: o.key.Tags, Expires: key.Expires,
		Reusable: o.key.Reusable, Ephemeral: o.key.Ephemeral, Preauthorized: o.key.Preauthorized,
	}, authkey.Usable)
	toStdout := o.to == destination{} && o.variable == ""
	if o.variable != "" {
		err = f.job.Keep(o.variable, key.Text)
	}
	if err == nil && o.to != (destination{}) {
		err = f.deliver(key.Text, "authkey", o.to)
	}
	switch {
	case err != nil:
		return err
	case o.form == "json":
		if toStdout {
			f.warnOfLog()
			shown.Key = key.Reveal()
		}
		err = writeJSONTo(f.Out, shown) // past the streams that hide it
	case toStdout:
		err = f.deliver(key.Text, "authkey", o.to)
	}
	if err == nil {
		f.log("").Info(fmt.Sprintf("made the auth key %s for %s: %s; until %s", key.ID, strings.Join(shown.Tags, ", "), shown.use(), shown.Expires))
	}
	return err
}
