//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A report is what a reader sees.
type report struct {
	out      io.Writer
	programs programs
}

// busy is the load above which figures are not to be trusted.
const busy = 1.0

func (r *report) header(o options) {
	fmt.Fprintf(r.out, "tailjoin bench, %s: medians of %d, in milliseconds, from exec to exit\n\n", time.Now().Format("2006-01-02 15:04"), o.rounds)
	fmt.Fprintf(r.out, "machine   %s\n", machine())
	fmt.Fprintf(r.out, "programs  tailjoin %s; small tailscaled %s, packed %s; with all features %s and %s\n",
		megabytes(r.programs.tailjoin), megabytes(r.programs.daemon), megabytes(r.programs.packed()),
		megabytes(r.programs.fullDaemon), megabytes(r.programs.fullCLI))
	if now := load(); now > busy {
		fmt.Fprintf(r.out, "WARNING   other programs are running, the load is %.1f: the figures will be too high\n", now)
	}
}

// near reports what was measured on loopback.
func (r *report) near(found results) []target {
	fmt.Fprintf(r.out, "\n1. On loopback, with nothing added\n\n"+
		"The floor is a bare program with an auth key in its hand: it starts the same tailscaled with the same flags, has it\n"+
		"log in by LocalAPI, and ends. Its leave logs out, stops tailscaled and waits for that. Warm: tailscaled is unpacked\n"+
		"in the runner's tool cache, and tailjoin hashes it. Cold: tailjoin unpacks it from the bundle and verifies it; bare\n"+
		"unpacking is added to the floor. Beside all this, tailjoin gets an ID token, exchanges it and has a key made.\n\n")
	r.table(found, []string{
		userspace.name, userspaceWarm, userspaceCold, tun.name, tunWarm, tunCold, tunNFTables.name, tunIPTables.name,
	})
	unpack := found[stepUnpack].median(alone)
	fmt.Fprintf(r.out, "\nTo unpack the bundle, bare, takes %.1f.\n", unpack)
	return slices.Concat(
		againstFloor(found, userspaceWarm, userspace, 0), againstFloor(found, userspaceCold, userspace, unpack),
		againstFloor(found, tunWarm, tun, 0), againstFloor(found, tunCold, tun, unpack),
		[]target{atMost(found, stepVersionOfOurs, alone, "", 10, "a start and an end")},
	)
}

// table shows subjects with their phases. One that was not measured is left out.
func (r *report) table(found results, names []string) {
	t := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tjoin\t(lowest–highest)\tleave\t(lowest–highest)\tphases of the join")
	for _, name := range names {
		if s := found[name]; s != nil {
			fmt.Fprintf(t, "%s\t%.1f\t%s\t%.1f\t%s\t%s\n", name, s.median("join"), span(s, "join"), s.median("leave"), span(s, "leave"), phases(s))
		}
	}
	t.Flush()
}

func span(s samples, name string) string {
	values := s.of(name)
	return fmt.Sprintf("(%.0f–%.0f)", values[0], values[len(values)-1])
}

// phaseOrder is the one in which the phases of a join begin, whoever's it is.
var phaseOrder = []string{"id-token", "exchange", "auth-key", "download", "install", "daemon", "up", "login", "status", "ready"}

func phases(s samples) string {
	var shown []string
	for _, name := range phaseOrder {
		if len(s.of(name)) > 0 {
			shown = append(shown, fmt.Sprintf("%s %.1f", name, s.median(name)))
		}
	}
	return strings.Join(shown, ", ")
}

// far reports what was measured 40 ms away.
func (r *report) far(found results) []target {
	fmt.Fprintf(r.out, "\n2. Every round trip takes %v longer, and the archive (%s) comes with %d MB/s\n\n"+
		"The serial way does what today's action does, one step after the other: fetch, compare, untar, copy, start tailscaled and\n"+
		"ask every 500 ms whether it answers, ask for an ID token, tailscale up. It has netfilter on, as that has.\n\n",
		roundTrip, megabytes(r.programs.archive()), bandwidth/1_000_000)
	r.table(found, []string{serialWay, farDownloading, farCold, farWarm, tun.name})
	c := chainsOf(found)
	c.print(r.out)
	r.job(found)
	return []target{
		againstChain(found, farWarm, c.warm), againstChain(found, farCold, c.cold), againstChain(found, farDownloading, c.downloading),
		againstSerial(found, farWarm, 4), againstSerial(found, farCold, 4), againstSerial(found, farDownloading, 2),
		jobAgainstSerial(found, 2),
	}
}

func (r *report) verdict(targets []target) {
	fmt.Fprintln(r.out, "\nTargets")
	t := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	for _, g := range targets {
		word := "MISS"
		if g.met() {
			word = "PASS"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", word, g.what, g.how)
	}
	t.Flush()
	fmt.Fprintf(r.out, "\nload at the end: %.1f\n", load())
}
