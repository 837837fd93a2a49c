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
	action, period  word
	src, dst, users []word
	posture, env    []word
}

// maxCheckPeriod is the longest time for which Tailscale remembers a check.
const maxCheckPeriod = 168 * time.Hour

func (r *policyReader) sshRule(v hujson.Value) sshRule {
	var s sshRule
	var recorder []word
	r.object(v, fields{
		"action": r.word(&s.action), "src": r.words(&s.src), "dst": r.words(&s.dst), "users": r.words(&s.users),
		"checkperiod": r.word(&s.period), "srcposture": r.words(&s.posture),
		"acceptenv": r.words(&s.env), "recorder": r.words(&recorder), "enforcerecorder": r.anything,
	})
	s.action.text = strings.TrimSpace(s.action.text)
	for _, words := range [][]word{s.src, s.dst} {
		for i := range words {
			words[i].text = strings.TrimSpace(words[i].text)
		}
	}
	return s
}

func (f *policyFile) checkSSH(r *policyReader, s sshRule) {
	switch s.action.text {
	case "accept", "check":
	case "":
		r.refuse("action must be specified")
	default:
		r.refuse("%q is not a valid action", s.action.text)
	}
	if len(s.users) == 0 {
		r.refuse("users must be specified")
	}
	for _, u := range s.users {
		if u.text == "" || u.text == "*" {
			r.refuse("user %q is not valid", u.text)
		}
		if domain, ok := strings.CutPrefix(u.text, "localpart:*@"); ok && domain != "" && f.foreign(domain) != "" {
			r.refuse("%s", f.foreign(domain))
		}
	}
	for _, e := range s.env {
		if e.text == "" {
			r.refuse("acceptEnv values cannot be empty")
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
		r.refuse("checkPeriod is only valid with action \"check\"")
	case err != nil:
		r.refuse("%v", err)
	case period > maxCheckPeriod:
		r.refuse("checkPeriod %v is above the max (168h)", period)
	case period < 0:
		r.refuse("checkPeriod %v must be a positive duration", period)
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
			r.refuse("tags in SSH source cannot access user-owned devices (%s)", d.text)
		case d.target().kind == kindLogin && slices.ContainsFunc(s.src, others):
			r.refuse("user destination requires source to contain only that same user %q; use autogroup:self instead", d.text)
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
