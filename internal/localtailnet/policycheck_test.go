package localtailnet

import (
	"strings"
	"testing"
)

// A refusal names the place, so that it can be shown there. In front of each
// policy here stands a line that defines names.
func TestReadPolicy_refuses(t *testing.T) {
	const names = `{"tagOwners": {"tag:a": []}, "groups": {"group:g": []}, "hosts": {"h": "10.0.0.1", "net": "10.0.0.0/8"}, "ipsets": {"ipset:i": ["10.0.0.1"]},` + "\n"
	for _, tt := range []struct{ policy, want string }{
		// What the file is made of.
		{`"grants": [},}`, "line 2, column 12: invalid character '}' at start of value"},
		{`"Grant": []}`, `line 2, column 1: unknown field "Grant"`},
		{`"acls": [], "ACLs": []}`, `line 2, column 13: duplicate object member name "ACLs"`},
		{`"grants": {}}`, "line 2, column 11: expected an array"},
		{`"grants": ["x"]}`, "line 2, column 12: expected an object"},
		{`"grants": [{"src": "tag:a"}]}`, "line 2, column 20: expected an array"},
		{`"grants": [{"src": [7]}]}`, "line 2, column 21: expected a string"},
		{`"grants": [{"source": []}]}`, `line 2, column 13: unknown field "source"`},
		{`"postures": {"posture:p": [], "posture:p": []}}`, `line 2, column 31: duplicate object member name "posture:p"`},

		// Grants and acls.
		{`"grants": [{"src": ["tag:a"], "dst": ["*"]}]}`, "line 2, column 12: ip and app can not both be empty"},
		{`"grants": [{"src": ["tag:b"], "dst": ["*"], "ip": ["*"]}]}`, `line 2, column 21: tag not found: "tag:b"`},
		{`"grants": [{"src": ["*"], "dst": ["group:x"], "ip": ["*"]}]}`, `line 2, column 35: group not found: "group:x"`},
		{`"grants": [{"src": ["*"], "dst": ["server"], "ip": ["*"]}]}`, `line 2, column 35: host not found: "server"`},
		{`"grants": [{"src": ["*"], "dst": ["ipset:x"], "ip": ["*"]}]}`, `line 2, column 35: IP set not found: "ipset:x"`},
		{`"grants": [{"src": ["10.0.0.1/8"], "dst": ["*"], "ip": ["*"]}]}`, `line 2, column 21: host not found: "10.0.0.1/8"`},
		{`"grants": [{"src": ["svc:web"], "dst": ["*"], "ip": ["*"]}]}`, `line 2, column 21: invalid src "svc:web"`},
		{`"grants": [{"src": ["autogroup:self"], "dst": ["*"], "ip": ["*"]}]}`, `line 2, column 21: "autogroup:self" not valid on the src side of a rule`},
		{`"grants": [{"src": ["autogroup:nobody"], "dst": ["*"], "ip": ["*"]}]}`, `line 2, column 21: "autogroup:nobody" not valid on the src side of a rule`},
		{`"grants": [{"src": ["*"], "dst": ["autogroup:danger-all"], "ip": ["*"]}]}`, `line 2, column 35: "autogroup:danger-all" not valid on the dst side of a rule`},
		{`"grants": [{"src": ["*"], "dst": ["autogroup:self"], "ip": ["*"]}]}`, "line 2, column 35: autogroup:self can only be used with users, groups, or supported autogroups"},
		{`"grants": [{"src": ["*"], "dst": ["0.0.0.0/0"], "ip": ["*"]}]}`, `line 2, column 35: dst "0.0.0.0/0": to allow all IP addresses, use "*" or "autogroup:internet"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["tcp:0-70000"]}]}`, `line 2, column 52: ip="tcp:0-70000": port range "0-70000": invalid last integer`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["80-70"]}]}`, `line 2, column 52: ip="80-70": port range "80-70": invalid last integer`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["tcp:80:90"]}]}`, `line 2, column 52: ip="tcp:80:90": expected only one colon in Internet protocol and port type`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["http"]}]}`, `line 2, column 52: ip="http": unknown protocol "http"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["06:80"]}]}`, `line 2, column 52: ip="06:80": leading 0 not permitted in protocol number "06"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["icmp:80"]}]}`, `line 2, column 52: ip="icmp:80": protocol "icmp" does not support specific ports: use "*"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["*"], "via": ["group:g"]}]}`, `line 2, column 66: via can only be a tag: "group:g"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["*"], "srcPosture": ["posture:x"]}]}`, `line 2, column 73: posture not found: "posture:x"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "app": {"https://x.com/y": []}}]}`, "line 2, column 53: capability name must have the form {domain}/{path}"},
		{`"grants": [{"src": ["*"], "dst": ["autogroup:internet"], "app": {"x.com/y": []}}]}`, "line 2, column 35: cannot use app grants with autogroup:internet"},
		{`"acls": [{"src": ["*"], "dst": ["*:*"]}]}`, `line 2, column 10: action="" is not supported: it must be "accept"`},
		{`"acls": [{"action": "drop", "src": ["*"], "dst": ["*:*"]}]}`, `line 2, column 21: action="drop" is not supported: it must be "accept"`},
		{`"acls": [{"action": "accept", "src": ["*"], "dst": ["tag:a"]}]}`, `line 2, column 53: dst="tag:a": port range "a": invalid first integer`},
		{`"acls": [{"action": "accept", "src": ["*"], "dst": ["net"]}]}`, `line 2, column 53: dst="net": missing port`},
		{`"acls": [{"action": "accept", "src": ["tag:a"], "dst": ["autogroup:self:*"]}]}`, "line 2, column 57: autogroup:self can only be used with users, groups, or supported autogroups"},
		{`"acls": [{"action": "accept", "proto": "icmp", "src": ["*"], "dst": ["net:80"]}]}`, `line 2, column 70: dst="net:80": protocol "icmp" does not support specific ports: use "*"`},

		// What names something.
		{`"Groups": {}}`, `line 2, column 1: duplicate object member name "Groups"`},
		{`"postures": {"p": []}}`, `line 2, column 14: posture "p" must begin with "posture:"`},
		{`"nodeAttrs": [{"target": ["autogroup:self"], "attr": ["funnel"]}]}`, `line 2, column 27: "autogroup:self" not valid on the target side of a rule`},
		{`"autoApprovers": {"routes": {"10.0.0.0/8": ["tag:b"]}}}`, `line 2, column 45: tag not found: "tag:b"`},
		{`"autoApprovers": {"exitNode": ["h"]}}`, `line 2, column 32: invalid auto approver "h"`},

		// SSH.
		{`"ssh": [{"src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}]}`, "line 2, column 9: ssh: action must be specified"},
		{`"ssh": [{"action": "deny", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}]}`, `line 2, column 20: ssh: "deny" is not a valid action`},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["tag:a"]}]}`, "line 2, column 9: ssh: users must be specified"},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["tag:a"], "users": ["*"]}]}`, `line 2, column 76: ssh: user "*" is not valid`},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["*"], "users": ["root"]}]}`, `line 2, column 56: invalid dst "*"`},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["a@x.y"], "users": ["root"]}]}`, "line 2, column 56: ssh: tags in SSH source cannot access user-owned devices (a@x.y)"},
		{`"ssh": [{"action": "accept", "src": ["b@x.y"], "dst": ["a@x.y"], "users": ["root"]}]}`, `line 2, column 56: ssh: user destination requires source to contain only that same user "a@x.y"; use autogroup:self instead`},
		{`"ssh": [{"action": "check", "checkPeriod": "200h", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}]}`, `line 2, column 44: ssh: checkPeriod "200h" is above the max (168h)`},
		{`"ssh": [{"action": "accept", "checkPeriod": "1h", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}]}`, `line 2, column 45: ssh: checkPeriod is only valid with action "check"`},

		// Tests.
		{`"tests": [{"src": "tag:a"}]}`, `line 2, column 11: test entry must have at least one of "accept" or "deny"`},
		{`"tests": [{"accept": ["h:80"]}]}`, "line 2, column 11: test entry must have a src"},
		{`"tests": [{"src": "*", "accept": ["h:80"]}]}`, `line 2, column 19: invalid src "*"`},
		{`"tests": [{"src": "tag:a", "accept": ["h:80,90"]}]}`, `line 2, column 39: test destination "h:80,90": port must be a single port`},
		{`"tests": [{"src": "tag:a", "accept": ["net:80"]}]}`, `line 2, column 39: test dst "net" must be a single host, not a CIDR range`},
		{`"tests": [{"src": "tag:a", "accept": ["tag:b:80"]}]}`, `line 2, column 39: tag not found: "tag:b"`},
		{`"tests": [{"src": "tag:a", "accept": ["h:80"], "proto": "icmp"}]}`, "line 2, column 57: test protocol must be tcp, udp, sctp, or empty"},
		{`"sshTests": [{"src": "tag:a", "accept": ["root"]}]}`, "line 2, column 14: SSH tests entry must have at least one dst"},
		{`"sshTests": [{"dst": ["tag:a"], "accept": ["root"]}]}`, "line 2, column 14: SSH tests entry must have a non-empty src"},
		{`"sshTests": [{"src": "tag:a", "dst": ["tag:a"]}]}`, `line 2, column 14: SSH tests entry must have at least one of "accept", "deny" or "check"`},
	} {
		_, err := readPolicy([]byte(names + tt.policy))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\n got %v\nwant %s", tt.policy, err, tt.want)
		}
	}
}

func TestReadPolicy_refusesNames(t *testing.T) {
	for _, tt := range []struct{ policy, want string }{
		{`[]`, "line 1, column 1: expected an object"},
		{`{"groups": {"dev": []}}`, `line 1, column 13: group "dev" must begin with "group:"`},
		{`{"groups": {"group:dev": ["group:dev"]}}`, `line 1, column 27: "group:dev": group members cannot be recursive`},
		{`{"groups": {"group:dev": ["alice"]}}`, `line 1, column 27: invalid group member "alice"`},
		{`{"tagOwners": {"tag:1": []}}`, `line 1, column 16: tag "tag:1": tag names must start with a letter, after 'tag:', and have letters, digits and hyphens only`},
		{`{"tagOwners": {"tag:a": ["tag:b"]}}`, `line 1, column 26: tag not found: "tag:b"`},
		{`{"tagOwners": {"tag:a": ["10.0.0.1"]}}`, `line 1, column 26: invalid tag owner "10.0.0.1"`},
		{`{"hosts": {"tag:a": "10.0.0.1"}}`, `line 1, column 12: host "tag:a": that is no name for a host`},
		{`{"hosts": {"a": "b"}}`, `line 1, column 17: host "a": "b" is no IP address`},
		{`{"hosts": {"a": "10.0.0.1/8"}}`, `line 1, column 17: host "a": "10.0.0.1/8" has bits set after its mask: 10.0.0.0/8`},
		{`{"ipsets": {"a": []}}`, `line 1, column 13: IP set "a" must begin with "ipset:"`},
		{`{"ipsets": {"ipset:a": ["ipset:b"], "ipset:b": ["add ipset:a"]}}`, `line 1, column 13: IP set "ipset:a" holds itself`},
		{`{"ipsets": {"ipset:a": ["host:x"]}}`, `line 1, column 25: host not found: "host:x"`},
		{`{"ipsets": {"ipset:a": ["tag:x"]}}`, `line 1, column 25: invalid IP set "tag:x"`},
	} {
		_, err := readPolicy([]byte(tt.policy))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\n got %v\nwant %s", tt.policy, err, tt.want)
		}
	}
}

// everySection is a policy with all that a file may have, in the spellings of
// old as well.
const everySection = `// Comments, and commas at the end, are HuJSON's.
{
	"Groups": {"group:dev": ["alice@example.com", "user:*@example.org"]},
	"TagOwners": {"tag:ci": ["group:dev", "autogroup:admin"], "tag:server": ["tag:ci"]},
	"Hosts": {"db": "100.64.0.9", "office": "10.1.0.0/16"},
	"ipsets": {"ipset:prod": ["add 10.0.0.0/8", "remove host:office", "100.64.0.1-100.64.0.9", "autogroup:internet"]},
	"postures": {"posture:new": ["node:tsVersion >= '1.40'"]},
	"ACLs": [
		{"Action": "accept", "Users": ["group:dev"], "Ports": ["db:22,80-90", "[fd7a:115c:a1e0::1]:443"]},
		{"action": "accept", "proto": "icmp", "src": ["autogroup:member"], "dst": ["autogroup:self:*"], "srcPosture": ["posture:new"]},
	],
	"grants": [
		{"src": ["tag:ci", "10.0.0.0/8"], "dst": ["tag:server", "ipset:prod"], "ip": ["tcp:443", "udp:53", "icmp:*", "8080", "igmp"]},
		{"src": ["*"], "dst": ["office"], "ip": ["*"], "via": ["tag:server"], "srcPosture": ["posture:new"]},
		{"src": ["autogroup:owner"], "dst": ["svc:web"], "app": {"tailscale.com/cap/kubernetes": [{"impersonate": {"groups": ["system:masters"]}}]}},
		{"src": [], "dst": ["autogroup:internet"], "ip": ["*"]},
	],
	"ssh": [
		{"action": "check", "checkPeriod": "12h", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["root", "autogroup:nonroot"]},
		{"action": "accept", "src": ["group:dev"], "dst": ["tag:server"], "users": ["localpart:*@example.com"], "acceptEnv": ["GIT_*"], "recorder": ["tag:server"], "enforceRecorder": true},
	],
	"autoApprovers": {"routes": {"10.0.0.0/8": ["tag:server"]}, "exitNode": ["group:dev"], "services": {"svc:web": ["tag:server"]}},
	"nodeAttrs": [{"target": ["*"], "attr": ["funnel"]}, {"target": ["tag:server"], "app": {"tailscale.com/app-connectors": []}}],
	"derpMap": {"omitDefaultRegions": false}, "disableIPv4": false, "OneCGNATRoute": "", "randomizeClientPort": true, "attrConfig": {},
	"defaultSrcPosture": null,
	"tests": [
		{"src": "alice@example.com", "accept": ["db:22", "db:85"], "deny": ["db:23", "tag:ci:443"]},
		{"user": "group:dev", "proto": "tcp", "allow": ["db:80"]},
		{"src": "tag:ci", "accept": ["tag:server:443", "tag:server:8080", "10.9.9.9:443"], "deny": ["tag:server:80", "10.1.2.3:443", "alice@example.com:443"]},
		{"src": "tag:ci", "proto": "udp", "accept": ["tag:server:53"], "deny": ["tag:server:443"]},
		{"src": "10.2.3.4", "accept": ["tag:server:443"]},
		{"src": "autogroup:tagged", "deny": ["tag:server:443"], "srcPostureAttrs": {"node:os": "linux"}},
	],
	"sshTests": [
		{"src": "alice@example.com", "dst": ["tag:server"], "accept": ["alice"], "deny": ["root", "bob"]},
		{"src": "bob@example.org", "dst": ["tag:server"], "deny": ["bob"]},
		{"src": "alice@example.com", "dst": ["autogroup:self"], "check": ["root"], "accept": ["alice"]},
	],
}
`

func TestSetPolicy_takesEverySection(t *testing.T) {
	tn := start(t, Options{})
	if err := tn.SetPolicy(everySection); err != nil {
		t.Error(err)
	}
}

// Each assertion of everySection's tests fails if it says the opposite.
func TestSetPolicy_runsEveryTest(t *testing.T) {
	tn := start(t, Options{})
	for _, swap := range []struct{ old, new, want string }{
		{`"deny": ["db:23"`, `"accept": ["db:23"`, "duplicate"},
		{`["tag:server:53"], "deny": ["tag:server:443"]`, `["tag:server:443"], "deny": ["tag:server:53"]`, "test(s) failed"},
		{`"allow": ["db:80"]`, `"deny": ["db:80"]`, "test(s) failed"},
		{`{"src": "10.2.3.4", "accept"`, `{"src": "10.2.3.4", "deny"`, "test(s) failed"},
		{`{"src": "autogroup:tagged", "deny"`, `{"src": "autogroup:tagged", "accept"`, "test(s) failed"},
		{`"deny": ["tag:server:80", "10.1.2.3:443"`, `"deny": ["tag:server:80", "10.3.2.3:443"`, "test(s) failed"},
		{`["tag:server"], "accept": ["alice"]`, `["tag:server"], "check": ["alice"]`, "test(s) failed"},
		{`"dst": ["tag:server"], "deny": ["bob"]`, `"dst": ["tag:server"], "accept": ["bob"]`, "test(s) failed"},
		{`"check": ["root"]`, `"deny": ["root"]`, "test(s) failed"},
	} {
		if !strings.Contains(everySection, swap.old) {
			t.Fatalf("%s is not there", swap.old)
		}
		err := tn.SetPolicy(strings.Replace(everySection, swap.old, swap.new, 1))
		if err == nil || !strings.Contains(err.Error(), swap.want) {
			t.Errorf("%s: got %v, want %s", swap.new, err, swap.want)
		}
	}
}
