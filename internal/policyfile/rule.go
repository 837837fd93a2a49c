package policyfile

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// A rule is a grant or an ACL, read.
type rule struct {
	section string
	at      Position
	text    string
	src     []string
	to      []target
	app     string   // its capabilities, as JSON
	appTo   []string // where they count
	posture string   // conditions of which a device must meet one
	via     string
	problem string // why it could not be read
}

// A target is destinations, and what of them can be reached.
type target struct {
	dst   []string
	ports reach
}

// A ruleText is a rule as it is written, also by the names of the beginning.
type ruleText struct {
	Action, Proto                   string
	Src, Users, Dst, Ports, IP, Via []string
	SrcPosture                      []string
	App                             json.RawMessage
}

// rules reads the grants, or the ACLs.
func (p *policy) rules(section string) (all []rule) {
	list := elements(p.file.section(section))
	for i := range list {
		r := rule{section: section, at: p.file.position(list[i].StartOffset), text: plain(&list[i])}
		var t ruleText
		if err := json.Unmarshal([]byte(r.text), &t); err != nil {
			r.problem = wrongKind(err)
		} else if section == "acls" {
			r.readACL(&t)
		} else {
			r.readGrant(&t)
		}
		r.posture = p.conditions(t.SrcPosture)
		all = append(all, r)
	}
	return all
}

func wrongKind(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return strings.ToLower(e.Field) + " has a value of the wrong kind"
	}
	return "it is no object"
}

func (r *rule) readGrant(t *ruleText) {
	var open []span
	for _, one := range t.IP {
		protocol, list, ok := strings.Cut(one, ":")
		if !ok {
			protocol, list = "", one
		}
		some, good := parsePorts(protocol, list)
		if !good || ok && protocol == "" {
			r.problem = "ip has " + quote(one)
		}
		open = append(open, some...)
	}
	r.src, r.via = t.Src, strings.Join(t.Via, " ")
	if len(open) > 0 {
		r.to = []target{{t.Dst, reachOf(open...)}}
	}
	if app := string(t.App); app != "" && app != "null" && app != "{}" {
		r.app, r.appTo = app, t.Dst
	}
}

func (r *rule) readACL(t *ruleText) {
	if t.Action != "accept" {
		r.problem = "its action is not accept"
	}
	r.src = append(t.Src, t.Users...)
	for _, one := range append(t.Dst, t.Ports...) {
		at := strings.LastIndexByte(one, ':')
		open, ok := parsePorts(t.Proto, one[at+1:])
		if at < 0 || !ok {
			r.problem = "dst has " + quote(one)
			continue
		}
		r.to = append(r.to, target{[]string{one[:at]}, open})
	}
}

// conditions are the postures of a rule, or the policy's own for rules that have
// none: each with a digest of what it demands.
func (p *policy) conditions(names []string) string {
	if len(names) == 0 {
		names = p.DefaultSrcPosture
	}
	var all strings.Builder
	for _, name := range slices.Sorted(slices.Values(names)) {
		all.WriteString(" " + name + p.digests[name])
	}
	return all.String()
}

// digest has rules that name a posture hold a digest instead of its text.
func (p *policy) digest() {
	p.digests = map[string]string{}
	for name, text := range p.Postures {
		sum := sha256.Sum256(text)
		p.digests[name] = string(sum[:])
	}
}
