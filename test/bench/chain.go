//go:build linux

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// chains are the longest chains of steps of which each needs the one before,
// made of steps that were measured alone in the same run. A join begins with
// two halves that do not need each other, so the longer one counts.
type chains struct {
	rows                    []row
	warm, cold, downloading float64
}

// A row is a step with its milliseconds.
type row struct {
	name string
	ms   float64
	note string
}

func chainsOf(found results) chains {
	of := func(step string) float64 { return found[step].median(alone) }
	start, token := of(stepStart), of(stepIDToken)
	exchange, key := found[stepAPI].median("exchange"), found[stepAPI].median("key")
	hash, version, wire := of(stepHash), of(stepVersion), of(stepWire)
	daemon, login := found[tun.name].median("daemon"), found[tun.name].median("login")
	unpack := of(stepUnpack)

	identity := token + exchange + key
	chain := func(half float64) float64 { return start + max(identity, half+daemon) + login }
	return chains{
		rows: []row{
			{stepStart, start, ""},
			{stepIDToken, token, "two round trips"},
			{"exchange, on an open connection", exchange, "one"},
			{"auth key, on an open connection", key, "one"},
			{stepHash, hash, ""},
			{stepUnpack, unpack, "no sum looked at"},
			{stepWire, wire, "on a new connection"},
			{stepUntar, of(stepUntar), "not in a chain: it goes on while the archive comes"},
			{stepSums, of(stepSums), "nor this"},
			{stepVersion, version, "before a downloaded one is run"},
			{"tailscaled starts (floor)", daemon, ""},
			{"tailscaled logs in (floor)", login, "about six round trips"},
		},
		warm: chain(hash), cold: chain(unpack), downloading: chain(wire + version),
	}
}

func (c chains) print(out io.Writer) {
	fmt.Fprint(out, "\nSteps, each alone\n")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, r := range c.rows {
		fmt.Fprintf(t, "\t%.1f\t  %s", r.ms, r.name)
		if r.note != "" {
			fmt.Fprintf(t, " (%s)", r.note)
		}
		fmt.Fprintln(t)
	}
	t.Flush()
	fmt.Fprintf(out, "\nThe longest chain of dependent steps is: start + max(ID token + exchange + auth key, a daemon) + login.\n"+
		"A daemon is: hash + start when warm, unpack + start when cold, wire + version + start when it is downloaded.\n"+
		"Warm %.1f, cold %.1f, downloading %.1f.\n", c.warm, c.cold, c.downloading)
}
