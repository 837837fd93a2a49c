package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"

	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// trustCreate is the command `trust create`. What is there already and as
// wanted stays; what is there and is another one stays, too, and is an error.
func (f *front) trustCreate(ctx context.Context, args []string) error {
	var in trustInputs
	var wish trust.Wish
	var to destination
	fs := flag.NewFlagSet("trust create", flag.ContinueOnError)
	in.flags(fs)
	wishFlags(fs, &wish)
	to.flags(fs)
	in.formFlag(fs)
	in.dryRunFlag(fs)
	if err := in.parse(f, fs, args, 1, 1, "NAME"); err != nil {
		return err
	}
	wish.Name, wish.Scopes, wish.Tags = in.words[0], items(wish.Scopes), items(wish.Tags)
	want, err := wish.Credential()
	if err == nil {
		err = to.check(f.job)
	}
	if err != nil {
		return err
	}
	f.warnOfRules(want)
	tailnet, err := f.tailnet(ctx, &in)
	if err != nil {
		return err
	}
	plan, err := tailnet.Plan(ctx, want)
	if err != nil {
		return err
	}
	made, key, err := f.ensure(ctx, tailnet, plan, in.dryRun)
	if err != nil {
		return err
	}
	return f.deliverCredential(made, key, to, in.form)
}

// ensure has a credential be there as planned, and says what was done for it.
func (f *front) ensure(ctx context.Context, tailnet trust.Tailnet, plan trust.Plan, dryRun bool) (tsapi.Credential, secret.Text, error) {
	want := plan.Want
	switch {
	case plan.Have != nil && len(plan.Changes) > 0:
		return want, secret.Text{}, plan.Differs()
	case plan.Have != nil:
		f.log("").Info(fmt.Sprintf("the trust credential %s is there, and as wanted: %s", want.Description, plan.Have.ID))
		return *plan.Have, secret.Text{}, nil
	case dryRun:
		f.log("").Info("would make the trust credential " + want.Description)
		return want, secret.Text{}, nil
	}
	made, key, err := tailnet.Make(ctx, want)
	if err == nil {
		f.log("").Info(fmt.Sprintf("made the trust credential %s: %s", made.Description, made.ID))
	}
	return made, key, err
}

// deliverCredential shows a credential, and leaves its secret, if it has one,
// where the user wants it: nobody can ask for it again.
func (f *front) deliverCredential(c tsapi.Credential, key secret.Text, to destination, form string) error {
	shown := newCredentialRow(c)
	onStdout := !key.IsZero() && to == destination{}
	if !key.IsZero() && !onStdout {
		if err := f.deliver(key, "oauth-secret", to); err != nil {
			return err
		}
	}
	if !onStdout {
		return f.writeCredential(shown, form)
	}
	f.warnOfLog()
	if form == "json" {
		shown.Secret = key.Reveal()
		return writeJSONTo(f.Out, shown) // past the streams that hide it
	}
	if err := f.writeCredential(shown, form); err != nil {
		return err
	}
	_, err := fmt.Fprintf(f.Out, "%-*s  %s\n", shown.width(), "secret", key.Reveal())
	return err
}

// trustUpdate is the command `trust update`.
func (f *front) trustUpdate(ctx context.Context, args []string) error {
	var in trustInputs
	var wish trust.Wish
	fs := flag.NewFlagSet("trust update", flag.ContinueOnError)
	in.flags(fs)
	wishFlags(fs, &wish)
	fs.StringVar(&wish.Name, "name", "", "another name for it")
	in.formFlag(fs)
	in.dryRunFlag(fs)
	if err := in.parse(f, fs, args, 1, 1, "NAME|ID"); err != nil {
		return err
	}
	wish.Scopes, wish.Tags = items(wish.Scopes), items(wish.Tags)
	tailnet, err := f.tailnet(ctx, &in)
	if err != nil {
		return err
	}
	plan, err := tailnet.PlanOf(ctx, in.words[0], wish)
	if err != nil {
		return err
	}
	return f.update(ctx, tailnet, plan, in.dryRun, in.form)
}

func (f *front) update(ctx context.Context, tailnet trust.Tailnet, plan trust.Plan, dryRun bool, form string) error {
	id := plan.Have.ID
	switch {
	case len(plan.Changes) == 0:
		f.log("").Info(fmt.Sprintf("there is nothing to change: %s is as wanted", id))
	case dryRun:
		f.log("").Info("would change " + id)
	default:
		if _, err := tailnet.Set(ctx, plan); err != nil {
			return err
		}
		f.log("").Info("changed " + id)
	}
	return f.writeChanges(id, plan.Changes, form)
}

func (f *front) writeChanges(id string, changes []trust.Change, form string) error {
	if form == "json" {
		return f.writeJSON(struct {
			ID      string         `json:"id"`
			Changes []trust.Change `json:"changes"`
		}{id, append([]trust.Change{}, changes...)})
	}
	if len(changes) == 0 {
		return nil
	}
	table := [][]string{{"FIELD", "IS", "BECOMES"}}
	for _, c := range changes {
		table = append(table, []string{c.Field, cmp.Or(c.Have, "(none)"), cmp.Or(c.Want, "(none)")})
	}
	f.writeTable(table)
	return nil
}

// trustDelete is the command `trust delete`.
func (f *front) trustDelete(ctx context.Context, args []string) error {
	var in trustInputs
	fs := flag.NewFlagSet("trust delete", flag.ContinueOnError)
	in.flags(fs)
	in.formFlag(fs)
	in.dryRunFlag(fs)
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
	switch name := fmt.Sprintf("the trust credential %s: %s", c.Description, c.ID); {
	case c.Invalid:
		f.log("").Info("deleted already: " + name)
	case in.dryRun:
		f.log("").Info("would delete " + name)
	default:
		if err := tailnet.Delete(ctx, c); err != nil {
			return err
		}
		f.log("").Info("deleted " + name)
	}
	return f.writeCredential(newCredentialRow(c), in.form)
}
