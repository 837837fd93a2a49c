package localtailnet

import (
	"slices"
	"strings"
	"time"

	"github.com/tailscale/hujson"
)

// An sshRule lets sources log in at destinations as some users. It is checked
// and tested; what nodes are sent is sshPolicy.
type sshRule struct {
	at              int
	action, period  word
	src, dst, users []word
	posture         []word
}

// maxCheckPeriod is the longest time for which Tailscale remembers a check.
const maxCheckPeriod = 168 * time.Hour

func (r *policyReader) sshRule(v hujson.Value) sshRule {
	s := sshRule{at: v.StartOffset}
	var env, recorder []word
	r.object(v, fields{
		"action": r.word(&s.action), "src": r.words(&s.src), "dst": r.words(&s.dst), "users": r.words(&s.users),
		"checkperiod": r.word(&s.period), "srcposture": r.words(&s.posture),
		"acceptenv": r.words(&env), "recorder": r.words(&recorder), "enforcerecorder": r.anything,
	})
	return s
}

func (f *policyFile) checkSSH(r *policyReader, s sshRule) {
	switch s.action.text {
	case "accept", "check":
	case "":
		r.refuse(s.at, "ssh: action must be specified")
	default:
		r.refuse(s.action.at, "ssh: %q is not a valid action", s.action.text)
	}
	if len(s.users) == 0 {
		r.refuse(s.at, "ssh: users must be specified")
	}
	for _, u := range s.users {
		if u.text == "" || u.text == "*" {
			r.refuse(u.at, "ssh: user %q is not valid", u.text)
		}
	}
	s.checkPeriod(r)
	f.checkPlaces(r, s.src, inSSHSrc)
	f.checkPlaces(r, s.dst, inSSHDst)
	f.checkPostures(r, s.posture)
	s.checkPeople(r)
}

func (s sshRule) checkPeriod(r *policyReader) {
	if s.period.text == "" || s.period.text == "always" && s.action.text == "check" {
		return
	}
	period, err := time.ParseDuration(s.period.text)
	switch {
	case s.action.text != "check":
		r.refuse(s.period.at, "ssh: checkPeriod is only valid with action \"check\"")
	case err != nil:
		r.refuse(s.period.at, "ssh: checkPeriod %q is no duration", s.period.text)
	case period > maxCheckPeriod:
		r.refuse(s.period.at, "ssh: checkPeriod %q is above the max (168h)", s.period.text)
	case period < 0:
		r.refuse(s.period.at, "ssh: checkPeriod %q must be a positive duration", s.period.text)
	}
}

// checkPeople: machines that are nobody's may not log in at those of people,
// and of people each at their own only.
func (s sshRule) checkPeople(r *policyReader) {
	isTag := func(w word) bool { return w.target().kind == kindTag || w.text == "autogroup:tagged" }
	for _, d := range s.dst {
		others := func(w word) bool { return w.text != d.text }
		switch {
		case isTag(d):
		case slices.ContainsFunc(s.src, isTag):
			r.refuse(d.at, "ssh: tags in SSH source cannot access user-owned devices (%s)", d.text)
		case d.target().kind == kindLogin && slices.ContainsFunc(s.src, others):
			r.refuse(d.at, "ssh: user destination requires source to contain only that same user %q; use autogroup:self instead", d.text)
		}
	}
}

// sshAction is what happens to s that wants to be this user at m: "accept",
// "check", or "" for nothing. A check counts before a rule that asks for none.
func (a applied) sshAction(s, m machine, user string) (action string) {
	for _, rule := range a.ssh {
		if action != "check" && a.sshMatches(rule, s, m, user) {
			action = rule.action.text
		}
	}
	return action
}

func (a applied) sshMatches(rule sshRule, s, m machine, user string) bool {
	if !a.meets(s, a.postureOf(rule.posture)) {
		return false
	}
	from := func(w word) bool { return a.selects(w.target(), s) }
	at := func(w word) bool {
		return a.selects(w.target(), m) && (w.text != "autogroup:self" || s.login == m.login)
	}
	as := func(w word) bool { return sshUser(w.text, s.login, user) }
	return slices.ContainsFunc(rule.src, from) && slices.ContainsFunc(rule.dst, at) && slices.ContainsFunc(rule.users, as)
}

// sshUser reports whether an element of a rule's users includes user, for the
// person with this login name.
func sshUser(element, login, user string) bool {
	if domain, ok := strings.CutPrefix(element, "localpart:*@"); ok {
		return login == user+"@"+domain
	}
	return element == user || element == "autogroup:nonroot" && user != "root"
}
