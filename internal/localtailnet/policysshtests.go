package localtailnet

import (
	"fmt"
	"slices"

	"github.com/tailscale/hujson"
)

// An sshTest says as which users src may log in at each dst.
type sshTest struct {
	at                  int
	src                 word
	dst                 []word
	accept, deny, check []word
	attributes          map[string]any // of the posture of src
}

func (r *policyReader) sshTest(v hujson.Value) sshTest {
	t := sshTest{at: v.StartOffset}
	r.object(v, fields{
		"src": r.word(&t.src), "dst": r.words(&t.dst),
		"accept": r.words(&t.accept), "deny": r.words(&t.deny), "check": r.words(&t.check), "srcpostureattrs": r.attributes(&t.attributes),
	})
	return t
}

func (f *policyFile) checkSSHTest(r *policyReader, t sshTest) {
	switch {
	case t.src.text == "":
		r.refuse(t.at, "SSH tests entry must have a non-empty src")
	case len(t.dst) == 0:
		r.refuse(t.at, "SSH tests entry must have at least one dst")
	case len(t.accept)+len(t.deny)+len(t.check) == 0:
		r.refuse(t.at, "SSH tests entry must have at least one of \"accept\", \"deny\" or \"check\"")
	default:
		f.checkSingle(r, t.src, inTestSrc)
		f.checkPlaces(r, t.dst, inSSHDst)
	}
}

// runSSH returns the SSH tests that fail.
func (a applied) runSSH(tests []sshTest) (failed []testFailure) {
	for _, t := range tests {
		errs := slices.Concat(
			a.sshErrors(t, t.accept, "Accept", "accept", "check"),
			a.sshErrors(t, t.check, "Check", "check"),
			a.sshErrors(t, t.deny, "Drop", ""))
		if len(errs) > 0 {
			failed = append(failed, testFailure{User: t.src.text, Errors: errs})
		}
	}
	return failed
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
