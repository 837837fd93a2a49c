package localtailnet

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// As at Tailscale, a refusal names a place only where the form of the file is
// wrong. In front of each policy here stands a line that defines names.
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
		{`"grants": [{"src": ["tag:a"], "dst": ["*"]}]}`, "ip and app can not both be empty"},
		{`"grants": [{"src": ["tag:b"], "dst": ["*"], "ip": ["*"]}]}`, `src=tag not found: "tag:b"`},
		{`"grants": [{"src": ["*"], "dst": ["group:x"], "ip": ["*"]}]}`, `dst="group:x": group not found: "group:x"`},
		{`"grants": [{"src": ["*"], "dst": ["server"], "ip": ["*"]}]}`, `dst="server": host not found: "server"`},
		{`"grants": [{"src": ["*"], "dst": ["ipset:x"], "ip": ["*"]}]}`, `dst="ipset:x": IP set not found: "ipset:x"`},
		{`"grants": [{"src": ["10.0.0.1/8"], "dst": ["*"], "ip": ["*"]}]}`, `src=host not found: "10.0.0.1/8"`},
		{`"grants": [{"src": ["svc:web"], "dst": ["*"], "ip": ["*"]}]}`, `invalid src "svc:web"`},
		{`"grants": [{"src": ["autogroup:self"], "dst": ["*"], "ip": ["*"]}]}`, `"autogroup:self" not valid on the src side of a rule`},
		{`"grants": [{"src": ["autogroup:nobody"], "dst": ["*"], "ip": ["*"]}]}`, `"autogroup:nobody" not valid on the src side of a rule`},
		{`"grants": [{"src": ["*"], "dst": ["autogroup:danger-all"], "ip": ["*"]}]}`, "cannot use autogroup:danger-all as a dst"},
		{`"grants": [{"src": ["*"], "dst": ["autogroup:self"], "ip": ["*"]}]}`, "autogroup:self can only be used with users, groups, or supported autogroups"},
		{`"grants": [{"src": ["*"], "dst": ["0.0.0.0/0"], "ip": ["*"]}]}`, `dst "0.0.0.0/0": to allow all IP addresses, use "*" or "autogroup:internet"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["tcp:1-70000"]}]}`, `port range "1-70000": invalid last integer`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["80-70"]}]}`, `port range "80-70": invalid last integer`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["tcp:80:90"]}]}`, `ip="tcp:80:90": expected only one colon in Internet protocol and port type`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["http"]}]}`, `port range "http": invalid first integer`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["06:80"]}]}`, `leading 0 not permitted in protocol number "06"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["icmp:80"]}]}`, `protocol "icmp" does not support specific ports: use "*"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["*"], "via": ["group:g"]}]}`, "via can only be a tag"},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["*"], "srcPosture": ["posture:x"]}]}`, `posture not found: "posture:x"`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["*"], "via": ["tag:b"]}]}`, `tag "tag:b" not found`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["icmp"]}]}`, `port range "icmp": invalid first integer`},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "ip": ["tcp:0"]}]}`, `port range "0": first port must be >0, or use '*' for wildcard`},
		{`"grants": [{"src": ["user:*@x.y"], "dst": ["tag:a"], "ip": ["*"]}]}`, "src=x.y is not associated with this Tailnet and cannot be used in user:*@<domain> expressions"},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "app": {"tailscale.com/cap/funnel": []}}]}`, "capability name must not be in the tailscale.com domain"},
		{`"grants": [{"src": ["*"], "dst": ["tag:a"], "app": {"https://x.com/y": []}}]}`, "capability name must have the form {domain}/{path}"},
		{`"grants": [{"src": ["*"], "dst": ["autogroup:internet"], "app": {"x.com/y": []}}]}`, "cannot use app grants with autogroup:internet"},
		{`"acls": [{"src": ["*"], "dst": ["*:*"]}]}`, `action="" is not supported`},
		{`"acls": [{"action": "drop", "src": ["*"], "dst": ["*:*"]}]}`, `action="drop" is not supported`},
		{`"acls": [{"action": "accept", "src": ["*"], "dst": ["tag:a"]}]}`, `dst="tag:a": port range "a": invalid first integer`},
		{`"acls": [{"action": "accept", "src": ["*"], "dst": ["net"]}]}`, `dst="net": missing port`},
		{`"acls": [{"action": "accept", "src": ["tag:a"], "dst": ["autogroup:self:*"]}]}`, "autogroup:self can only be used with users, groups, or supported autogroups"},
		{`"acls": [{"action": "accept", "proto": "icmp", "src": ["*"], "dst": ["net:80"]}]}`, `dst="net:80": protocol "icmp" does not support specific ports: use "*"`},

		// What names something.
		{`"Groups": {}}`, `line 2, column 1: duplicate object member name "Groups"`},
		{`"postures": {"p": []}}`, `posture "p" must begin with "posture:"`},
		{`"nodeAttrs": [{"target": ["autogroup:self"], "attr": ["funnel"]}]}`, `"autogroup:self" not valid on the target side of a rule`},
		{`"nodeAttrs": [{"target": ["tag:a"], "ipPool": ["100.100.100.0/24"]}]}`, "IPPool(100.100.100.0/24): network within reserved range"},
		{`"nodeAttrs": [{"target": ["tag:a"], "ipPool": ["10.0.0.0/24"]}]}`, "IPPool(10.0.0.0/24): network not within 100.64.0.0/10"},
		{`"nodeAttrs": [{"target": ["%x%"], "attr": ["funnel"]}]}`, `"%x%": invalid address`},
		{`"postures": {"posture:p": ["node:os = 'linux'"]}}`, `postures["posture:p"]: invalid assertion "node:os = 'linux'"`},
		{`"autoApprovers": {"routes": {"10.0.0.0/8": ["tag:b"]}}}`, `tag not found: "tag:b"`},
		{`"autoApprovers": {"exitNode": ["h"]}}`, `invalid auto approver "h"`},

		// SSH.
		{`"ssh": [{"src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}]}`, "action must be specified"},
		{`"ssh": [{"action": "deny", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}]}`, `"deny" is not a valid action`},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["tag:a"]}]}`, "users must be specified"},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["tag:a"], "users": ["*"]}]}`, `user "*" is not valid`},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["*"], "users": ["root"]}]}`, `invalid dst "*"`},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["a@x.y"], "users": ["root"]}]}`, "tags in SSH source cannot access user-owned devices (a@x.y)"},
		{`"ssh": [{"action": "accept", "src": ["b@x.y"], "dst": ["a@x.y"], "users": ["root"]}]}`, `user destination requires source to contain only that same user "a@x.y"; use autogroup:self instead`},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"], "acceptEnv": [""]}]}`, "acceptEnv values cannot be empty"},
		{`"ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["tag:a"], "users": ["localpart:*@x.y"]}]}`, "x.y is not associated with this Tailnet and cannot be used in user:*@<domain> expressions"},
		{`"ssh": [{"action": "check", "checkPeriod": "abc", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}]}`, `time: invalid duration "abc"`},
		{`"sshTests": [{"src": "tag:a", "dst": ["net", "autogroup:internet"], "accept": ["root"]}]}`, `SSH tests dst contains disallowed element "autogroup:internet"`},
		{`"sshTests": [{"src": "tag:a", "dst": ["tag:b"], "accept": ["root"]}]}`, `SSH tests dst contains unknown tag "tag:b"`},
		{`"ssh": [{"action": "check", "checkPeriod": "200h", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}]}`, "checkPeriod 200h0m0s is above the max (168h)"},
		{`"ssh": [{"action": "accept", "checkPeriod": "1h", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}]}`, `checkPeriod is only valid with action "check"`},
	} {
		_, err := readPolicy([]byte(names+tt.policy), nil)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\n got %v\nwant %s", tt.policy, err, tt.want)
		}
	}
}

func TestReadPolicy_refusesNames(t *testing.T) {
	for _, tt := range []struct{ policy, want string }{
		{`[]`, "line 1, column 1: expected an object"},
		{`{"groups": {"dev": []}}`, `group "dev" must begin with "group:"`},
		{`{"groups": {"group:dev": ["group:dev"]}}`, `groups["group:dev"]: "group:dev": group members cannot be recursive`},
		{`{"groups": {"group:dev": ["alice"]}}`, `invalid group member "alice"`},
		{`{"tagOwners": {"tag:1": []}}`, `tagOwners["tag:1"]: tag names must start with a letter, after 'tag:'`},
		{`{"tagOwners": {"tag:a": ["tag:b"]}}`, `tagOwners["tag:a"]: tag not found: "tag:b"`},
		{`{"tagOwners": {"tag:a": ["10.0.0.1"]}}`, `invalid tag owner "10.0.0.1"`},
		{`{"hosts": {"tag:a": "10.0.0.1"}}`, `host "tag:a": that is no name for a host`},
		{`{"hosts": {"a": "b"}}`, `host "a": "b" is no IP address`},
		{`{"hosts": {"a": "10.0.0.1/8"}}`, `host "a": "10.0.0.1/8" has bits set after its mask: 10.0.0.0/8`},
		{`{"ipsets": {"a": []}}`, `IP set "a" must begin with "ipset:"`},
		{`{"ipsets": {"ipset:a": ["ipset:b"], "ipset:b": ["add ipset:a"]}}`, `IP set "ipset:a" holds itself`},
		{`{"ipsets": {"ipset:a": ["host:x"]}}`, `host not found: "host:x"`},
		{`{"ipsets": {"ipset:a": ["tag:x"]}}`, `invalid IP set "tag:x"`},
	} {
		_, err := readPolicy([]byte(tt.policy), nil)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\n got %v\nwant %s", tt.policy, err, tt.want)
		}
	}
}

// domainsOfTests are the domains of the people in these tests.
var domainsOfTests = []string{"example.com", "example.org"}

// A test that asserts nothing that can be looked at is one that fails, as at
// Tailscale.
func TestSetPolicy_failsTestsThatAreWrong(t *testing.T) {
	const names = `{"tagOwners": {"tag:a": []}, "hosts": {"h": "10.0.0.1", "net": "10.0.0.0/8"},
		"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}], "ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["tag:a"], "users": ["root"]}],` + "\n"
	tn := start(t, Options{})
	for _, tt := range []struct{ policy, want string }{
		{`"tests": [{"src": "tag:a"}]}`, `test entry must have at least one of "accept" or "deny"`},
		{`"tests": [{"accept": ["h:80"]}]}`, "test entry must have a src"},
		{`"tests": [{"src": "*", "accept": ["h:80"]}]}`, `invalid src "*"`},
		{`"tests": [{"src": "tag:a", "accept": ["h:80,90"]}]}`, `test destination "h:80,90": port must be a single port`},
		{`"tests": [{"src": "tag:a", "accept": ["h:*"]}]}`, `test destination "h:*": port must be a single port`},
		{`"tests": [{"src": "tag:a", "accept": ["h:http"]}]}`, `dst="h:http": port range "http": invalid first integer`},
		{`"tests": [{"src": "tag:a", "accept": ["net:80"]}]}`, `test dst "net" must be a single host, not a CIDR range`},
		{`"tests": [{"src": "tag:a", "accept": ["10.0.0.1/32:80"]}]}`, `test dst "10.0.0.1/32" must be a single host, not a CIDR range`},
		{`"tests": [{"src": "tag:a", "accept": ["tag:b:80"]}]}`, `tag not found: "tag:b"`},
		{`"tests": [{"src": "tag:a", "accept": ["h:80"], "proto": "icmp"}]}`, "test protocol must be tcp, udp, sctp, or empty"},
		{`"tests": [{"src": "tag:a", "accept": ["h:80"], "proto": "1"}]}`, "test protocol must be tcp, udp, sctp, or empty"},
		{`"tests": [{"src": "tag:a", "accept": ["h:80"], "proto": "6"}]}`, ""},
		{`"sshTests": [{"src": "tag:a", "accept": ["root"]}]}`, "SSH tests entry must have at least one dst"},
		{`"sshTests": [{"dst": ["tag:a"], "accept": ["root"]}]}`, "SSH tests entry must have a non-empty src"},
		{`"sshTests": [{"src": "tag:a", "dst": ["tag:a"]}]}`, `SSH tests entry must have at least one of "accept", "deny" or "check"`},
		{`"sshTests": [{"src": "tag:a", "dst": ["tag:a"], "accept": [""]}]}`, "SSH tests entry has an empty user"},
		{`"sshTests": [{"src": "tag:a", "dst": ["fd7a:115c:a1e0::1"], "deny": ["root"]}]}`, `SSH tests dst "fd7a:115c:a1e0::1": only IPv4 addresses are looked up`},
		{`"sshTests": [{"src": "tag:a", "dst": ["100.99.0.1", "h"], "deny": ["root"]}]}`, ""},
	} {
		err := tn.SetPolicy(names + tt.policy)
		failed, _ := errors.AsType[policyError](err)
		if got := fmt.Sprint(failed.Data); (err == nil) != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s\n got %v: %s\nwant %s", tt.policy, err, got, tt.want)
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
		{"src": ["tag:ci", "10.0.0.0/8"], "dst": ["tag:server", "ipset:prod"], "ip": ["tcp:443", "udp:53", "icmp:*", "8080", "igmp:*"]},
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
	tn := start(t, Options{UserDomains: domainsOfTests})
	if err := tn.SetPolicy(everySection); err != nil {
		t.Error(err)
	}
}

// Each assertion of everySection's tests fails if it says the opposite.
func TestSetPolicy_runsEveryTest(t *testing.T) {
	tn := start(t, Options{UserDomains: domainsOfTests})
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

// Tests know rules with via, and every role.
func TestSetPolicy_runsTestsOfRoutersAndRoles(t *testing.T) {
	const policy = `{
		"tagOwners": {"tag:work": [], "tag:exit": []}, "hosts": {"h": "10.0.0.1"},
		"grants": [
			{"src": ["tag:work"], "dst": ["autogroup:internet"], "ip": ["udp:53"], "via": ["tag:exit"]},
			{"src": ["autogroup:network-admin"], "dst": ["h"], "ip": ["tcp:22"]},
		],
		"tests": [TEST],
	}`
	tn := start(t, Options{})
	for test, want := range map[string]bool{
		`{"src": "tag:work", "accept": ["1.1.1.1:53"]}`:              true,
		`{"src": "tag:work", "deny": ["1.1.1.1:53"]}`:                false,
		`{"src": "tag:work", "deny": ["1.1.1.1:54", "10.0.0.1:53"]}`: true,
		`{"src": "autogroup:network-admin", "accept": ["h:22"]}`:     true,
		`{"src": "autogroup:auditor", "deny": ["h:22"]}`:             true,
		`{"src": "autogroup:admin", "deny": ["h:22"]}`:               true,
		`{"src": "autogroup:auditor", "accept": ["h:22"]}`:           false,
	} {
		if err := tn.SetPolicy(strings.Replace(policy, "TEST", test, 1)); (err == nil) != want {
			t.Errorf("%s: got %v", test, err)
		}
	}
}
