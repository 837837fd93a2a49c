package policyfile_test

import (
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                             "neither",
		`{"tagOwners": {}}`:              "neither",
		`{"grants": null, "ACLs": null}`: "neither",
		`{"grants": []}`:                 "",
		`{"acls": [], "grants": null}`:   "",
		`{"Acls": []}`:                   "",
		`{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}`:                                     "a rule",
		`{"grants": [{"src": ["tag:a", "*"], "dst": ["tag:a", "*"], "ip": ["22", "*"]}]}`:             "a rule",
		`{"acls": [{"action": "accept", "users": ["*"], "ports": ["tag:a:22", "*:*"]}]}`:              "a rule",
		`{"acls": [{"action": "accept", "src": ["autogroup:danger-all"], "dst": ["*:*"]}]}`:           "a rule",
		`{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:22"]}]}`:                             "",
		`{"acls": [{"action": "accept", "proto": "tcp", "src": ["*"], "dst": ["*:*"]}]}`:              "",
		`{"acls": [{"action": "deny", "src": ["*"], "dst": ["*:*"]}]}`:                                "",
		`{"grants": [{"src": ["autogroup:member"], "dst": ["*"], "ip": ["*"]}]}`:                      "",
		`{"grants": [{"src": ["*"], "dst": ["*"], "app": {"a.b/c": []}}]}`:                            "",
		`{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "srcPosture": ["posture:a"]}]}`:        "",
		`{"defaultSrcPosture": ["posture:a"], "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}`: "",
	} {
		why, at, ok := mustParse(t, text).Open()
		if ok != (want != "") || !strings.Contains(why, want) || ok && at.Line != 1 {
			t.Errorf("%s: got %v, %q at %v", text, ok, why, at)
		}
	}
}
