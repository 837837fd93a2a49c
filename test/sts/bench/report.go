//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// A report is what a reader sees.
type report struct{ out io.Writer }

// busy is the load above which figures are not to be trusted.
const busy = 1.0

func (r report) header() {
	fmt.Fprintf(r.out, "tailjoin-sts bench, %s: ES256, for one node, which the service looks up once a second\n\n", time.Now().Format("2006-01-02 15:04"))
	fmt.Fprintf(r.out, "machine   %s; the service, the bare handler and the load tool share them\n", machine())
	if now := load(); now > busy {
		fmt.Fprintf(r.out, "WARNING   other programs are running, the load is %.1f: the figures will be worse than they are\n", now)
	}
}

// all shows everything and returns how it stands with the targets.
func (r report) all(f *findings) []target {
	r.throughput(f)
	r.latency(f)
	r.memory(f)
	targets := f.targets()
	r.verdict(targets)
	return targets
}

func (r report) throughput(f *findings) {
	fmt.Fprintf(r.out, "\n1. As many as can be had: %d connections, each asks again once it has its answer\n\n"+
		"The bare handler is net/http with the same limits; it signs the same claims, and does nothing else. It has Go's GOGC, 100;\n"+
		"tailjoin-sts has 400, as it always does. Medians of %d rounds, taken in turn. CPU is what one token took of one core, as the\n"+
		"kernel counts it for the program; the load tool's is beside it.\n\n",
		connections, repetitions)
	t := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\ttokens/s\t(lowest–highest)\tCPU, µs\t(lowest–highest)\tload tool, µs")
	for _, name := range []string{bare, service} {
		perSecond, cpu, tool := f.of(name, round.perSecond), f.of(name, ownCPU), f.of(name, toolCPU)
		fmt.Fprintf(t, "%s\t%.0f\t(%.0f–%.0f)\t%.1f\t(%.1f–%.1f)\t%.1f\n", name, median(perSecond), slices.Min(perSecond), slices.Max(perSecond),
			median(cpu), slices.Min(cpu), slices.Max(cpu), median(tool))
	}
	t.Flush()
}

func ownCPU(r round) float64  { return r.each(r.cpu) }
func toolCPU(r round) float64 { return r.each(r.tool) }

// of is a figure of each round of a subject, but for the one that warmed it up.
func (f *findings) of(name string, figure func(round) float64) (all []float64) {
	for _, r := range f.rounds[name] {
		if !r.warm {
			all = append(all, figure(r))
		}
	}
	return all
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func (r report) latency(f *findings) {
	fmt.Fprintf(r.out, "\n2. %d a second, at random moments, whatever became of those before; milliseconds from the moment at which one was to arrive\n\n", rate)
	t := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\trequests\tmedian\tp90\tp99\tp99.9\tlongest")
	for _, name := range []string{bare, service} {
		l := f.open[name]
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\n", name, len(l), ms(l.at(.5)), ms(l.at(.9)), ms(l.at(.99)), ms(l.at(.999)), ms(l[len(l)-1]))
	}
	t.Flush()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (r report) memory(f *findings) {
	fmt.Fprintf(r.out, "\n3. Memory of the service (resident, MB) over %d tokens, which took %.0f s: %.0f a second\n\n", f.whole.tokens, f.whole.took.Seconds(), f.whole.perSecond())
	for i, s := range f.memory {
		if i%5 == 4 {
			fmt.Fprintf(r.out, "  after %7d  %.1f\n", s.tokens, megabytes(s.bytes))
		}
	}
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

func (r report) verdict(targets []target) {
	fmt.Fprintln(r.out, "\nTargets")
	t := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	for _, g := range targets {
		word := "MISS"
		if g.met {
			word = "PASS"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", word, g.what, g.how)
	}
	t.Flush()
	fmt.Fprintf(r.out, "\nload at the end: %.1f\n", load())
}
