package localtailnet

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The nodes of reaches, by the name that they have there.
var crowd = []struct {
	name    string
	options KeyOptions
	routes  []string
}{
	{"alice", KeyOptions{User: "alice@example.com"}, nil},
	{"alices", KeyOptions{User: "alice@example.com"}, nil},
	{"bob", KeyOptions{User: "bob@example.org"}, nil},
	{"boss", KeyOptions{}, nil},
	{"ci", KeyOptions{Tags: []string{"tag:ci"}}, nil},
	{"db", KeyOptions{Tags: []string{"tag:db"}}, nil},
	{"router", KeyOptions{Tags: []string{"tag:router"}}, []string{"10.1.0.0/16"}},
	{"exit", KeyOptions{Tags: []string{"tag:exit"}}, []string{"0.0.0.0/0", "::/0"}},
}

// common is what the policies of the tests begin with. The nodes get the
// addresses 100.64.0.1 and up, in their order.
const common = `
	"tagOwners": {"tag:ci": [], "tag:db": [], "tag:router": [], "tag:exit": []},
	"groups": {"group:dev": ["alice@example.com"], "group:org": ["user:*@example.org"], "group:empty": []},
	"hosts": {"database": "100.64.0.6", "office": "10.1.2.0/24"},
	"ipsets": {"ipset:most": ["add 100.64.0.0/24", "remove host:database", "remove 100.64.0.1-100.64.0.3"], "ipset:outer": ["ipset:most", "add host:database"]},
	"postures": {"posture:new": ["node:tsVersion >= '1.40'"]},
`

func TestAllows(t *testing.T) {
	tn := start(t, Options{AutoApproveRoutes: true, UserDomains: domainsOfTests})
	addrs := map[string]netip.Addr{"office": netip.MustParseAddr("10.1.2.3"), "shed": netip.MustParseAddr("10.1.9.9"), "web": netip.MustParseAddr("93.184.215.14")}
	for _, c := range crowd {
		var routes []netip.Prefix
		for _, r := range c.routes {
			routes = append(routes, netip.MustParsePrefix(r))
		}
		addrs[c.name] = tn.AddNode(c.name, c.options, routes...).IPs[0]
	}
	for _, tt := range []struct{ name, rules, want string }{
		{"no rule", ``, ""},
		{"everybody", `{"src": ["*"], "dst": ["tag:db"], "ip": ["80"]}`, "alice>db alices>db bob>db boss>db ci>db exit>db office>db router>db shed>db"},
		{"tag to tag, one port", `{"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["tcp:80"]}`, "ci>db"},
		{"another port", `{"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["tcp:81"]}`, ""},
		{"another protocol", `{"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["udp:80"]}`, ""},
		{"range of ports", `{"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["22", "79-81"]}`, "ci>db"},
		{"icmp", `{"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["icmp:*"]}`, ""},
		{"by number", `{"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["6:80"]}`, "ci>db"},
		{"user", `{"src": ["alice@example.com"], "dst": ["tag:db"], "ip": ["*"]}`, "alice>db alices>db"},
		{"to a user", `{"src": ["tag:ci"], "dst": ["bob@example.org"], "ip": ["*"]}`, "ci>bob"},
		{"group", `{"src": ["group:dev"], "dst": ["tag:db"], "ip": ["*"]}`, "alice>db alices>db"},
		{"group by domain", `{"src": ["group:org"], "dst": ["tag:db"], "ip": ["*"]}`, "bob>db"},
		{"domain", `{"src": ["user:*@example.org"], "dst": ["tag:db"], "ip": ["*"]}`, "bob>db"},
		{"empty group", `{"src": ["group:empty"], "dst": ["tag:db"], "ip": ["*"]}`, ""},
		{"members", `{"src": ["autogroup:member"], "dst": ["tag:db"], "ip": ["*"]}`, "alice>db alices>db bob>db boss>db"},
		{"tagged", `{"src": ["autogroup:tagged"], "dst": ["tag:db"], "ip": ["*"]}`, "ci>db exit>db router>db"},
		{"admin", `{"src": ["autogroup:admin"], "dst": ["tag:db"], "ip": ["*"]}`, "boss>db"},
		{"self", `{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}`, "alice>alices alices>alice"},
		{"self of one", `{"src": ["bob@example.org"], "dst": ["autogroup:self"], "ip": ["*"]}`, ""},
		{"self and others", `{"src": ["group:dev"], "dst": ["autogroup:self", "tag:db"], "ip": ["*"]}`, "alice>alices alice>db alices>alice alices>db"},
		{"host", `{"src": ["tag:ci"], "dst": ["database"], "ip": ["*"]}`, "ci>db"},
		{"address", `{"src": ["100.64.0.5"], "dst": ["100.64.0.6/32"], "ip": ["*"]}`, "ci>db"},
		{"cidr", `{"src": ["100.64.0.0/30"], "dst": ["tag:db"], "ip": ["*"]}`, "alice>db alices>db bob>db"},
		{"ipset", `{"src": ["ipset:most"], "dst": ["tag:db"], "ip": ["*"]}`, "boss>db ci>db exit>db router>db"},
		{"ipset of ipsets", `{"src": ["tag:ci"], "dst": ["ipset:outer"], "ip": ["*"]}`, "ci>boss ci>db ci>exit ci>router"},
		{"behind a router", `{"src": ["tag:ci"], "dst": ["office"], "ip": ["*"]}`, "ci>office"},
		{"the router", `{"src": ["tag:ci"], "dst": ["tag:router"], "ip": ["*"]}`, "ci>router"},
		{"all behind it", `{"src": ["tag:ci"], "dst": ["10.0.0.0/8"], "ip": ["*"]}`, "ci>office ci>shed"},
		{"via it", `{"src": ["tag:ci"], "dst": ["10.0.0.0/8"], "ip": ["*"], "via": ["tag:router"]}`, "ci>office ci>shed"},
		{"via another", `{"src": ["tag:ci"], "dst": ["10.0.0.0/8"], "ip": ["*"], "via": ["tag:db"]}`, ""},
		{"internet", `{"src": ["tag:ci"], "dst": ["autogroup:internet"], "ip": ["*"]}`, "ci>web"},
		{"posture", `{"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["*"], "srcPosture": ["posture:new"]}`, ""},
		{"app alone", `{"src": ["tag:ci"], "dst": ["tag:db"], "app": {"example.com/cap/x": [{}]}}`, ""},
		{"acl", `{"action": "accept", "src": ["tag:ci"], "dst": ["tag:db:80,443", "database:1-79"]}`, "ci>db"},
		{"acl by protocol", `{"action": "accept", "proto": "udp", "src": ["tag:ci"], "dst": ["tag:db:*"]}`, ""},
		{"acl of old", `{"action": "accept", "users": ["tag:ci"], "ports": ["tag:db:80"]}`, "ci>db"},
		{"acl for all to self", `{"action": "accept", "src": ["*"], "dst": ["autogroup:self:*"]}`, "alice>alices alices>alice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			section := "grants"
			if strings.Contains(tt.rules, "action") {
				section = "acls"
			}
			err := tn.SetPolicy(`{` + common + `"` + section + `": [` + tt.rules + `]}`)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, reached(tn, addrs)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// reached are the pairs of which the first may reach port 80 of the second.
func reached(tn *Tailnet, addrs map[string]netip.Addr) string {
	var pairs []string
	for from, src := range addrs {
		for to, dst := range addrs {
			if from != to && tn.Allows(src, dst, 6, 80) {
				pairs = append(pairs, from+">"+to)
			}
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

// A policy with neither grants nor acls allows everything; one with an empty
// list allows nothing. Source: packet filters of Tailscale's own service, see
// package captures.
func TestAllows_everythingWithoutRules(t *testing.T) {
	tn := start(t, Options{})
	a, b := tn.AddNode("a", KeyOptions{}).IPs[0], tn.AddNode("b", KeyOptions{Tags: []string{"tag:ci"}}).IPs[0]
	for policy, want := range map[string]bool{
		`{}`: true, `{"tagOwners": {"tag:ci": []}}`: true, `{"grants": null, "acls": null}`: true,
		`{"grants": []}`: false, `{"ACLs": []}`: false, `{"acls": [], "grants": null}`: false,
	} {
		if err := tn.SetPolicy(policy); err != nil {
			t.Fatal(err)
		}
		if got := tn.Allows(a, b, 6, 22) && tn.Allows(b, a, 17, 53); got != want {
			t.Errorf("%s: got %v, want %v", policy, got, want)
		}
	}
}
