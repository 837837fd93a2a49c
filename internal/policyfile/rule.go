package policyfile

import (
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// A rule is a grant or an ACL, read.
type rule struct {
	section string
	at      int // where it stands in the text
	text    string
	src     []word
	to      []target
	app     string   // its capabilities, as JSON
	appTo   []word   // where they count
	posture []string // its conditions, of which a device must meet one
	via     []string
	problem string // why it could not be read
}

// A target is a destination and what of it can be reached.
type target struct {
	dst   word
	ports reach
}

// rules are all grants and ACLs.
func (f *File) rules() (all []rule) {
	for _, s := range []struct {
		name string
		read func(*hujson.Value, *rule)
	}{{"grants", readGrant}, {"acls", readACL}} {
		list := elements(f.section(s.name))
		for i := range list {
			v := &list[i]
			r := rule{section: s.name, at: v.StartOffset, text: plain(v)}
			s.read(v, &r)
			r.posture = f.conditions(v, &r)
			all = append(all, r)
		}
	}
	return all
}

func readGrant(v *hujson.Value, r *rule) {
	r.src = r.words(v, "src")
	dst := r.words(v, "dst")
	var open reach
	for _, w := range r.words(v, "ip") {
		some, ok := parseGrantPorts(w.text)
		if !ok {
			r.fail("ip has " + quote(w.text))
		}
		open = open.and(some)
	}
	for _, d := range dst {
		if len(open) > 0 {
			r.to = append(r.to, target{d, open})
		}
	}
	if app := member(v, "app"); len(members(app)) > 0 {
		r.app, r.appTo = plain(app), dst
	}
	for _, w := range r.words(v, "via") {
		r.via = append(r.via, w.text)
	}
}

// readACL also knows the names that the fields had in the beginning.
func readACL(v *hujson.Value, r *rule) {
	if action, ok := wordOf(member(v, "action")); ok && action.text != "accept" {
		r.fail("its action is not accept")
	}
	protocol := ""
	if p := member(v, "proto"); p != nil {
		w, isText := wordOf(p)
		if !isText {
			r.fail("proto is no text")
		}
		protocol = w.text
	}
	r.src = r.words(v, "src", "users")
	for _, w := range r.words(v, "dst", "ports") {
		at := strings.LastIndexByte(w.text, ':')
		open, ok := parsePorts(protocol, w.text[at+1:])
		if at < 0 || !ok {
			r.fail("dst has " + quote(w.text))
			continue
		}
		r.to = append(r.to, target{word{w.text[:at], w.at}, open})
	}
}

// conditions are those of srcPosture, or of the policy for all that have none.
func (f *File) conditions(v *hujson.Value, r *rule) (all []string) {
	names := r.words(v, "srcPosture")
	if len(names) == 0 {
		names, _ = words(f.section("defaultSrcPosture"))
	}
	postures := f.section("postures")
	for _, w := range names {
		what := w.text
		if is := member(postures, w.text); is != nil {
			what += plain(is)
		}
		all = append(all, what)
	}
	slices.Sort(all)
	return all
}

// words reads a field that is a list of texts.
func (r *rule) words(v *hujson.Value, names ...string) []word {
	all, ok := words(member(v, names...))
	if !ok {
		r.fail(names[0] + " is no list of texts")
	}
	return all
}

func (r *rule) fail(problem string) {
	if r.problem == "" {
		r.problem = problem
	}
}
