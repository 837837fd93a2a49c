//go:build linux

package cli_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// A fault is one way to get trust wrong, and what the join must say of it. The
// zero value joins.
type fault struct {
	name string

	job        localtailnet.Job
	claims     map[string]any                 // replace claims of the job's token; nil removes one
	token      localtailnet.Forgery           // how the token is made besides
	env        map[string]string              // replaces variables; "" unsets one. $ID, $TOKEN, $URL are the case's own
	event      string                         // content of GITHUB_EVENT_PATH
	credential func(*localtailnet.Credential) // changes the one that lets in pushes to main of acme/web
	broken     map[string]localtailnet.Fault  // of a tailnet of its own, by operation
	files      map[string]string              // in the directory DIR

	code  string   // of the error
	why   string   // the stand-in's own reason, which it tells no job; "" is not compared
	first []string // words that the summary or the first cause must have: the wrong value and the fix
	more  []string // words that must stand somewhere
	not   []string // words that must not stand anywhere

	listed bool // the message has it among other causes, and not first: it is not named
}

// named are the cases of which the join itself must name the fault exactly, and
// tried all that there must be.
const (
	leastNamed = 85
	leastTried = 95
)

// Every refused exchange has the same answer. The join says what is wrong from
// what it knows besides, with the right cause first.
func TestJoin_namesTheFaultOfTrust(t *testing.T) {
	all := slices.Concat(clientFaults, audienceFaults, subjectFaults, claimFaults, issuerFaults, timeFaults, platformFaults, permissionFaults, answerFaults, keyFaults)
	shared := newFaultWorld(t)
	var mu sync.Mutex
	named := 0
	t.Run("faults", func(t *testing.T) {
		for i, f := range all {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				w := shared
				if f.broken != nil {
					w = newFaultWorld(t)
					for op, broken := range f.broken {
						if err := w.SetFault(op, broken); err != nil {
							t.Fatal(err)
						}
					}
				}
				if w.judge(t, f, i) && !f.listed {
					mu.Lock()
					named++
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d faults, %d named exactly", len(all), named)
	if len(all) < leastTried || named < leastNamed {
		t.Errorf("%d of %d faults are named exactly; want %d of %d", named, len(all), leastNamed, leastTried)
	}
}

// judge reports whether the join says all that it must.
func (w *faultWorld) judge(t *testing.T, f fault, i int) bool {
	said, why := w.join(t, f, i)
	first := firstCause(said)
	var missed []string
	miss := func(format string, args ...any) { missed = append(missed, fmt.Sprintf(format, args...)) }
	if !strings.Contains(said, "errors.md#"+f.code+"\n") {
		miss("the code is not %s", f.code)
	}
	if f.why != "" && !strings.Contains(why, f.why) {
		miss("the tailnet refused it since %q, want %q", why, f.why)
	}
	place := first
	if f.listed {
		place = said
	}
	for _, word := range f.first {
		if !strings.Contains(place, w.expand(word, i)) {
			miss("%q is not in the first cause", w.expand(word, i))
		}
	}
	for _, word := range f.more {
		if !strings.Contains(said, w.expand(word, i)) {
			miss("%q is not said", word)
		}
	}
	for _, word := range f.not {
		if strings.Contains(said, w.expand(word, i)) {
			miss("%q is said", word)
		}
	}
	if missed != nil {
		t.Errorf("%s\nThe join said:\n%s", strings.Join(missed, "\n"), said)
	}
	return missed == nil
}

// firstCause is the summary, and the hint up to its second cause.
func firstCause(said string) string {
	_, summary, _ := strings.Cut(said, "error: ")
	summary, rest, _ := strings.Cut(summary, "\n")
	_, hint, _ := strings.Cut(rest, "hint:  ")
	hint, _, _ = strings.Cut(hint, " 2. ")
	return summary + "\n" + strings.Join(strings.Fields(hint), " ")
}
