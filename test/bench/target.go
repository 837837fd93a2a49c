//go:build linux

package main

import (
	"fmt"
	"slices"
)

// A target is a figure and its limit, a highest one unless least is set.
type target struct {
	what       string
	got, limit float64
	least      bool
	how        string // both, and what the limit is made of
}

func (t target) met() bool {
	if t.least {
		return t.got >= t.limit
	}
	return t.got <= t.limit
}

func allMet(targets []target) bool {
	return !slices.ContainsFunc(targets, func(t target) bool { return !t.met() })
}

// atMost is the target of a subject's join or leave.
func atMost(found results, name, which, against string, limit float64, made string) target {
	got := found[name].median(which)
	return target{
		what: name + ": " + which + against, got: got, limit: limit,
		how: fmt.Sprintf("%.1f ms\t≤ %.1f ms\t= %s", got, limit, made),
	}
}

// againstFloor compares with the bare program, to whose join unpack is added.
func againstFloor(found results, name string, m manner, unpack float64) []target {
	join, leave := found[m.name].median("join"), found[m.name].median("leave")
	made := fmt.Sprintf("1.25 × %.1f + 15", join)
	if unpack > 0 {
		made = fmt.Sprintf("1.25 × (%.1f + %.1f) + 15", join, unpack)
	}
	return []target{
		atMost(found, name, "join", "", 1.25*(join+unpack)+15, made),
		atMost(found, name, "leave", "", 1.25*leave, fmt.Sprintf("1.25 × %.1f", leave)),
	}
}

func againstChain(found results, name string, chain float64) target {
	return atMost(found, name, "join", " against its longest chain", 1.15*chain, fmt.Sprintf("1.15 × %.1f", chain))
}

// againstSerial demands a join that is so many times faster.
func againstSerial(found results, name string, times float64) target {
	return faster(name+": join against the serial way", found[serialWay].median("join"), found[name].median("join"), times)
}

// jobAgainstSerial demands it of everything from the start of the job.
func jobAgainstSerial(found results, times float64) target {
	return faster(jobOfOurs+" against the serial way", found[jobOfSerial].median("job"), found[jobOfOurs].median("job"), times)
}

func faster(what string, serial, ours, times float64) target {
	return target{
		what: what, got: serial / ours, limit: times, least: true,
		how: fmt.Sprintf("%.1f ×\t≥ %.1f ×\t: %.1f / %.1f", serial/ours, times, serial, ours),
	}
}
