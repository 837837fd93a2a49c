package sts

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// storedKeys is the ring of the configuration that a command was given. A
// ring in memory is another process's.
func (f *front) storedKeys(fs *flag.FlagSet, args []string, words int) (*keyring.Keeper, *config.Config, error) {
	c, err := f.configured(fs, args, words)
	if err != nil {
		return nil, nil, err
	}
	if c.SigningKey.Storage == "memory" {
		return nil, nil, diag.Input("the keys are in the memory of the service", "nobody else can see or change them: choose another signingKey.storage")
	}
	keys, err := f.openKeys(c)
	return keys, c, err
}

func (f *front) keysList(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("keys list", flag.ContinueOnError)
	output := fs.String("output", "table", "table or json")
	keys, _, err := f.storedKeys(fs, args, 0)
	if err != nil {
		return err
	}
	ring, err := keys.Read(ctx)
	if err != nil {
		return err
	}
	return f.list(ring, *output)
}

// list prints a ring without its private halves.
func (f *front) list(ring keyring.Ring, output string) error {
	switch output {
	case "json":
		return f.printJSON(rows(ring))
	case "table":
		w := tabwriter.NewWriter(f.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "KEY\tALGORITHM\tSTATE\tMADE\tSIGNS SINCE\tRETIRED")
		for _, r := range rows(ring) {
			fmt.Fprintln(w, strings.Join([]string{r.ID, r.Algorithm, r.State, stamp(r.Created), stamp(r.Activated), stamp(r.Retired)}, "\t"))
		}
		return w.Flush()
	}
	return diag.Input("output cannot be "+output, "it is table or json")
}

// A row is a key as it is listed.
type row struct {
	ID        string    `json:"kid"`
	Algorithm string    `json:"alg"`
	State     string    `json:"state"`
	Created   time.Time `json:"created"`
	Activated time.Time `json:"activated,omitzero"`
	Retired   time.Time `json:"retired,omitzero"`
}

func rows(ring keyring.Ring) []row {
	all := []row{}
	for _, k := range ring.Keys {
		all = append(all, row{k.ID, k.Algorithm, string(k.State()), k.Created, k.Activated, k.Retired})
	}
	return all
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func (f *front) keysRotate(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("keys rotate", flag.ContinueOnError)
	var what keyring.Rotation
	fs.StringVar(&what.Algorithm, "algorithm", "", "rotate the key of this algorithm alone")
	fs.BoolVar(&what.Force, "force", false, "do not wait until every verifier knows the next key")
	fs.BoolVar(&what.Leaked, "leaked", false, "replace all keys at once: tokens of the old ones are good no more")
	keys, c, err := f.storedKeys(fs, args, 0)
	if err != nil {
		return err
	}
	ring, err := keys.Rotate(ctx, what)
	if err != nil {
		return err
	}
	if c.Server.Issuer != "" {
		f.logger(c.Logs).Info("if the keys are published as files, publish them again")
	}
	return f.list(ring, "table")
}

func (f *front) keysExport(ctx context.Context, args []string) error {
	keys, _, err := f.storedKeys(flag.NewFlagSet("keys export", flag.ContinueOnError), args, 0)
	if err != nil {
		return err
	}
	ring, err := keys.Read(ctx)
	if err != nil {
		return err
	}
	return f.printJSON(ring.Published())
}

func (f *front) printJSON(v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = f.Out.Write(append(raw, '\n'))
	return err
}
