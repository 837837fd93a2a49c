package localtailnet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// An sshTest says as which users src may log in at each dst.
type sshTest struct {
	src                 word
	dst                 []word
	accept, deny, check []word
	attributes          map[string]any // of the posture of src
}

func (r *policyReader) sshTest(v hujson.Value) sshTest {
	var t sshTest
	r.object(v, fields{
		"src": r.word(&t.src), "dst": r.words(&t.dst),
		"accept": r.words(&t.accept), "deny": r.words(&t.deny), "check": r.words(&t.check), "srcpostureattrs": r.attributes(&t.attributes),
	})
	return t
}

// checkSSHTest refuses a test of what is no machine.
func (f *policyFile) checkSSHTest(r *policyReader, t sshTest) {
	for _, w := range t.dst {
		switch d := w.target(); {
		case d.kind == kindTag && find(f.tagOwners, d.text) == nil:
			r.refuse("SSH tests dst contains unknown tag %q", w.text)
		case d.kind == kindAddresses && strings.Contains(w.text, "/"), f.misplaced(d, inSSHTestDst):
			r.refuse("SSH tests dst contains disallowed element %q", w.text)
		}
	}
}

// sshProblem says why a test asserts nothing that could be looked at; "" if it
// does.
func (f *policyFile) sshProblem(t sshTest) string {
	r := &policyReader{}
	users := slices.Concat(t.accept, t.deny, t.check)
	switch {
	case t.src.text == "":
		r.refuse("SSH tests entry must have a non-empty src")
	case len(t.dst) == 0:
		r.refuse("SSH tests entry must have at least one dst")
	case len(users) == 0:
		r.refuse("SSH tests entry must have at least one of \"accept\", \"deny\" or \"check\"")
	case slices.ContainsFunc(users, func(w word) bool { return w.text == "" }):
		r.refuse("SSH tests entry has an empty user")
	}
	f.checkSingle(r, t.src, inTestSrc)
	for _, w := range t.dst {
		f.checkSingle(r, w, inSSHTestDst)
		if w.target().prefix.Addr().Is6() {
			r.refuse("SSH tests dst %q: only IPv4 addresses are looked up", w.text)
		}
	}
	if r.err == nil {
		return ""
	}
	return r.err.Error()
}

// runSSH returns the SSH tests that fail.
func (a applied) runSSH(tests []sshTest) (failed []testFailure) {
	for _, t := range tests {
		if errs := a.runSSHTest(t); len(errs) > 0 {
			failed = append(failed, testFailure{User: t.src.text, Errors: errs})
		}
	}
	return failed
}

func (a applied) runSSHTest(t sshTest) []string {
	if problem := a.sshProblem(t); problem != "" {
		return []string{problem}
	}
	return slices.Concat(
		a.sshErrors(t, t.accept, "Accept", "accept", "check"),
		a.sshErrors(t, t.check, "Check", "check"),
		a.sshErrors(t, t.deny, "Drop", ""))
}

// sshErrors are about the users for whom something else happens than what is
// right.
func (a applied) sshErrors(t sshTest, users []word, want string, right ...string) (errs []string) {
	for _, dst := range t.dst {
		for _, user := range users {
			if got := a.sshActions(t, dst, user.text); !subset(got, right) {
				errs = append(errs, fmt.Sprintf("user %q at %q: want: %s, got: %s", user.text, dst.text, want, said(got)))
			}
		}
	}
	return errs
}

func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}

// said names the first of some actions as the results of tests do.
func said(actions []string) string {
	return map[string]string{"accept": "Accept", "check": "Check", "": "Drop"}[actions[0]]
}

// sshActions is what happens between each source and each destination; nothing
// if there are none.
func (a applied) sshActions(t sshTest, dst word, user string) (actions []string) {
	for _, s := range a.testSources(t.src, t.attributes) {
		for _, m := range a.standIns(dst.target(), s, standInDst) {
			actions = append(actions, a.sshAction(s, m, user))
		}
	}
	if actions == nil {
		return []string{""}
	}
	return actions
}
