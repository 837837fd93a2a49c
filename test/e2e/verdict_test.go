//go:build linux

package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// codeIn finds the code of a problem by the page that explains it.
var codeIn = regexp.MustCompile(`errors\.md#([a-z0-9-]+)`)

// code is that of the problem that the process reported, "" if it reported none.
func (f finished) code() string {
	if found := codeIn.FindStringSubmatch(f.words); found != nil {
		return found[1]
	}
	return ""
}

// text is what the process wrote, for people: without masks, and with the line
// breaks that a workflow command has to encode.
func (f finished) text() string {
	return strings.ReplaceAll(masks.ReplaceAllString(f.words, ""), "%0A", "\n")
}

var masks = regexp.MustCompile(`(?m)^(::add-mask::|##vso\[task\.setsecret\]).*\n`)

// mustFail joins, and the join must fail with a problem of this code and these
// words in it. It must also have left nothing.
func (w *world) mustFail(code string, words []string, args ...string) finished {
	w.t.Helper()
	got := w.run(append([]string{"join"}, args...)...)
	if got.status != 1 || got.code() != code {
		w.t.Errorf("join ended with %d and %q, want 1 and %q:\n%s", got.status, got.code(), code, got.text())
	}
	wantWords(w.t, got, words...)
	w.wantNothingLeft()
	return got
}

func wantWords(t *testing.T, got finished, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(got.text(), word) {
			t.Errorf("the words lack %q:\n%s", word, got.text())
		}
	}
}

// events are those of one operation, so far.
func (w *world) events(op string) (events []localtailnet.Event) {
	for _, e := range w.Events() {
		if e.Op == op {
			events = append(events, e)
		}
	}
	return events
}

// fault has an operation fail from now on.
func (w *world) fault(op string, f localtailnet.Fault) {
	w.t.Helper()
	if err := w.SetFault(op, f); err != nil {
		w.t.Fatal(err)
	}
}
