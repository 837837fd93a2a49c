package policy

import (
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/policyfile"
)

// What Tailscale's service really answers names no line. Each case is a refusal
// of it: the place is where «» stands in the file.
func TestInMessage_findsWhatARefusalQuotes(t *testing.T) {
	const owners = `"tagOwners": {"tag:server": ["odin@example.com"]}, "hosts": {"srv": "10.0.0.1"},`
	for message, text := range map[string]string{
		`src=tag not found: "tag:nonexistent"`:                                                                    `"acls": [{"action": "accept", "src": [«"tag:nonexistent"], "dst": ["tag:server:22"]}]`,
		`dst="tag:nonexistent": tag not found: "tag:nonexistent"`:                                                 `"acls": [{"action": "accept", "src": ["*"], "dst": ["tag:server:22", «"tag:nonexistent:22"]}]`,
		`"autogroup:self" not valid on the src side of a rule`:                                                    `"grants": [{"dst": ["autogroup:self"], "src": [«"autogroup:self"], "ip": ["*"]}]`,
		`action="deny" is not supported`:                                                                          `"tests": [{"src": "srv", "deny": ["srv:1"]}], "acls": [{"action": «"deny", "src": ["*"], "dst": ["*:*"]}]`,
		`dst="tag:server:ssh": port range "ssh": invalid first integer`:                                           `"ssh": [], "acls": [{"action": "accept", "src": ["*"], "dst": [«"tag:server:ssh"]}]`,
		`port range "icmp": invalid first integer`:                                                                `"acls": [{"action": "accept", "proto": "icmp", "src": ["*"], "dst": ["*:*"]}], "grants": [{"src": ["*"], "dst": ["*"], "ip": [«"icmp"]}]`,
		`port range "0": first port must be >0, or use '*' for wildcard`:                                          `"grants": [{"src": ["*"], "dst": ["srv"], "ip": ["tcp:10", «"tcp:0"]}]`,
		`tag "tag:nonexistent" not found`:                                                                         `"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "via": ["tag:server", «"tag:nonexistent"]}]`,
		`dst "0.0.0.0/0": to allow all IP addresses, use "*" or "autogroup:internet"`:                             `"grants": [{"src": ["srv"], "dst": [«"0.0.0.0/0"], "ip": ["22"]}]`,
		`"%bogus%": invalid address`:                                                                              `"nodeAttrs": [{"target": [«"%bogus%"], "attr": ["funnel"]}]`,
		`IPPool(100.100.100.0/24): network within reserved range`:                                                 `"nodeAttrs": [{"target": ["*"], "ipPool": [«"100.100.100.0/24"]}]`,
		`[ssh] example.org is not associated with this Tailnet and cannot be used in user:*@<domain> expressions`: `"ssh": [{"action": "accept", "src": [«"user:*@example.org"], "dst": ["tag:server"], "users": ["root"]}]`,
		`groups["group:b"]: "group:c": group members cannot be recursive`:                                         `"groups": {"group:a": ["group:c"], "group:b": [«"group:c"], "group:c": []}`,
		`invalid dst "srv"`:              `"ssh": [{"action": "accept", "src": ["odin@example.com"], "dst": [«"srv"], "users": ["root"]}]`,
		`"ACCEPT" is not a valid action`: `"ssh": [{"action": «"ACCEPT", "src": ["odin@example.com"], "dst": ["tag:server"], "users": ["root"]}]`,
		`user "" is not valid`:           `"ssh": [{"action": "accept", "src": ["odin@example.com"], "dst": ["tag:server"], "users": ["root", «""]}]`,
		`tagOwners["tag:1"]: tag names must start with a letter, after 'tag:'`:        `"grants": [{"src": ["tag:1"], "dst": ["*"], "ip": ["*"]}], "TagOwners": {«"tag:1": []}`,
		`SSH tests dst contains unknown tag "tag:server:22"`:                          `"sshTests": [{"src": "odin@example.com", "dst": [«"tag:server:22"], "accept": ["root"]}]`,
		`autogroup:self can only be used with users, groups, or supported autogroups`: `"grants": [{"src": ["*"], "dst": [«"autogroup:self"], "ip": ["*"]}]`,
		`user:*@example.org: not known`:                                               `"grants": [{"src": ["*"], "dst": [«"user:*@example.org"], "ip": ["*"]}]`,
		// These could be at several places, or at none.
		`autogroup:self can only be used with users, groups, or supported autogroups `: `"grants": [{"src": ["*"], "dst": ["autogroup:self"], "ip": ["*"]}, {"src": ["*"], "dst": ["autogroup:self"], "ip": ["*"]}]`,
		`users must be specified`: `"ssh": [{"action": "accept", "src": ["odin@example.com"], "dst": ["tag:server"]}]`,
		`test(s) failed`:          `"tests": [{"src": "srv", "accept": ["srv:1"]}]`,
		`internal server error`:   `"tests": [{"src": "srv", "accept": ["srv:1"]}]`,
	} {
		if strings.Contains(text, "agOwners") {
			text = "{\n" + text + "\n}"
		} else {
			text = "{" + owners + "\n\n" + text + "\n}"
		}
		before, after, found := strings.Cut(text, "«")
		p := &Plan{Path: "policy.hujson", File: mustParse(t, policyfile.Source{Name: "policy.hujson", Text: []byte(before + after)})}
		places := p.inMessage(message)
		if !found {
			if len(places) > 0 {
				t.Errorf("%s: found at %v", message, places)
			}
			continue
		}
		line, column := strings.Count(before, "\n")+1, len(before)-strings.LastIndex(before, "\n")
		if len(places) != 1 || places[0].Line != line || places[0].Column != column || places[0].Text != message {
			t.Errorf("%s: got %v, want %d:%d in\n%s", message, places, line, column, before+after)
		}
	}
}
