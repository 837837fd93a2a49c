package policyfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/policyfile"
)

// What most cases have.
const people = `"groups": {"group:eng": ["ann@example.com", "bob@example.com"], "group:ops": ["cy@example.com"]},
	"tagOwners": {"tag:web": [], "tag:db": []}, "hosts": {"printer": "10.0.0.9"},`

func TestEffect(t *testing.T) {
	const web = `{"src": ["group:eng"], "dst": ["tag:web"], "ip": ["443"]}`
	grants := func(list ...string) string { return "{" + people + `"grants": [` + strings.Join(list, ",") + "]}" }
	acls := func(list ...string) string { return "{" + people + `"acls": [` + strings.Join(list, ",") + "]}" }

	for _, test := range []struct{ name, old, new, want string }{
		{"nothing", grants(web), grants(web), ""},
		{"a new rule", grants(), grants(web), "gains  group:eng → tag:web: 443\n"},
		{"no rule any more", grants(web), grants(), "loses  group:eng → tag:web: 443\n"},
		{"a rule split", grants(web),
			grants(`{"src": ["ann@example.com"], "dst": ["tag:web"], "ip": ["tcp:443"]}`, `{"src": ["bob@example.com", "ann@example.com"], "dst": ["tag:web"], "ip": ["udp:443", "tcp:443"]}`), ""},
		{"a grant that was an ACL", acls(`{"action": "accept", "src": ["group:eng"], "dst": ["tag:web:443"]}`), grants(web), ""},
		{"the names of the beginning", `{"ACLs": [{"Action": "accept", "Users": ["tag:web"], "Ports": ["tag:db:1-5"]}]}`,
			`{"acls": [{"action": "accept", "src": ["tag:web"], "dst": ["tag:db:1,2-4,5"]}]}`, ""},
		{"no section of rules any more", grants(web), "{" + people + `"ssh": []}`, "gains  * (except group:eng) → *: *\ngains  group:eng → * (except tag:web): *\ngains  group:eng → tag:web: 0-442, 444-65535\nnot computed  ssh: who may log in by Tailscale SSH (new.hujson:2:86)\n"},
		{"the first section of rules", "{" + people + `"ssh": []}`, acls(), "loses  * → *: *\nnot computed  ssh: who may log in by Tailscale SSH (gone; it was at old.hujson:2:86)\n"},
		{"an empty section, and none", acls(), "{" + people[:len(people)-1] + "}", "gains  * → *: *\n"},
		{"an empty section, and null", acls(), "{" + people + `"acls": null, "grants": null}`, "gains  * → *: *\n"},
		{"no section, and all is allowed", "{}", `{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}`, ""},
		{"no section in either", "{}", `{"hosts": {"a": "10.0.0.1"}}`, ""},
		{"an empty section of the other kind", acls(), grants(), ""},
		{"a group renamed", grants(web), strings.ReplaceAll(grants(web), "group:eng", "group:dev"), ""},
		{"somebody joins a group", grants(web), strings.Replace(grants(web), `["cy@`, `["ann@example.com", "cy@`, 1), ""},
		{"somebody joins the group", grants(web), strings.Replace(grants(web), `["ann@`, `["dee@example.com", "ann@`, 1),
			"gains  dee@example.com → tag:web: 443\n"},
		{"more ports", grants(web), strings.Replace(grants(web), `"443"`, `"443", "tcp:80-90", "udp:53"`, 1),
			"gains  group:eng → tag:web: tcp:80-90, udp:53\n"},
		{"fewer ports", grants(strings.Replace(web, `"443"`, `"*"`, 1)), grants(web), "loses  group:eng → tag:web: 0-442, 444-65535\n"},
		{"ping", grants(), grants(`{"src": ["tag:web"], "dst": ["tag:db"], "ip": ["icmp:*", "sctp:9", "gre:*"]}`),
			"gains  tag:web → tag:db: gre:*, sctp:9\n"},
		{"only ping", grants(), grants(`{"src": ["tag:web"], "dst": ["tag:db"], "ip": ["icmp:*"]}`), "gains  tag:web → tag:db: icmp:*\n"},
		{"ping comes with everything", grants(web), grants(web, `{"src": ["group:eng"], "dst": ["tag:web"], "ip": ["icmp:*", "58:*"]}`), ""},
		{"everybody had it", grants(`{"src": ["*"], "dst": ["*"], "ip": ["*"]}`), grants(`{"src": ["*"], "dst": ["*"], "ip": ["*"]}`, web), ""},
		{"from everybody to some", grants(`{"src": ["*"], "dst": ["*"], "ip": ["*"]}`), grants(strings.Replace(web, `"443"`, `"*"`, 1)),
			"loses  * (except group:eng) → *: *\nloses  group:eng → * (except tag:web): *\n"},
		{"from members to some", grants(`{"src": ["autogroup:member"], "dst": ["tag:web"], "ip": ["443"]}`), grants(web),
			"loses  autogroup:member (except group:eng) → tag:web: 443\n"},
		{"members of one domain", grants(), grants(`{"src": ["user:*@example.com"], "dst": ["printer"], "ip": ["631"]}`),
			"gains  user:*@example.com → printer: 631\n"},
		{"a host has another address", grants(`{"src": ["tag:web"], "dst": ["printer"], "ip": ["631"]}`),
			strings.ReplaceAll(grants(`{"src": ["tag:web"], "dst": ["printer"], "ip": ["631"]}`), "10.0.0.9", "10.0.0.10"),
			"loses  tag:web → 10.0.0.9: 631\ngains  tag:web → 10.0.0.10: 631\n"},
		{"a smaller network", grants(`{"src": ["tag:web"], "dst": ["10.0.0.0/8"], "ip": ["22"]}`), grants(`{"src": ["tag:web"], "dst": ["10.0.0.0/9", "10.128.0.0/10"], "ip": ["22"]}`),
			"loses  tag:web → 10.192.0.0/10: 22\n"},
		{"an IP set", "{" + people + `"ipsets": {"ipset:lan": ["add 10.0.0.0/24", "remove host:printer"]}, "grants": [{"src": ["tag:web"], "dst": ["ipset:lan"], "ip": ["22"]}]}`,
			grants(`{"src": ["tag:web"], "dst": ["10.0.0.0/24"], "ip": ["22"]}`), "gains  tag:web → printer: 22\n"},
		{"own nodes", grants(), grants(`{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}`), "gains  autogroup:member → autogroup:self: *\n"},
		{"own nodes are among those of all", grants(`{"src": ["autogroup:member"], "dst": ["autogroup:member"], "ip": ["*"]}`),
			grants(`{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}`), "loses  autogroup:member → autogroup:member (except autogroup:self): *\n"},
		{"a group among itself", grants(), grants(`{"src": ["group:eng"], "dst": ["group:eng"], "ip": ["22"]}`), "gains  group:eng → group:eng: 22\n"},
		{"one person among themselves", grants(`{"src": ["ann@example.com"], "dst": ["autogroup:self"], "ip": ["22"]}`),
			grants(`{"src": ["ann@example.com"], "dst": ["ann@example.com"], "ip": ["22"]}`), ""},
		{"a group of the identity provider", grants(), grants(`{"src": ["group:sec@example.com"], "dst": ["tag:web"], "ip": ["22"]}`),
			"gains  group:sec@example.com → tag:web: 22\n"},
		{"tagged nodes", grants(), grants(`{"src": ["autogroup:tagged"], "dst": ["tag:db", "svc:web"], "ip": ["22"]}`), "gains  autogroup:tagged → tag:db, svc:web: 22\n"},
		{"the world", grants(`{"src": ["*"], "dst": ["tag:db"], "ip": ["22"]}`), grants(`{"src": ["autogroup:danger-all"], "dst": ["tag:db"], "ip": ["22"]}`),
			"gains  autogroup:danger-all (except *) → tag:db: 22\n"},
		{"two spellings", grants(`{"src": ["autogroup:members"], "dst": ["tag:db"], "ip": ["22", "6:23"]}`), grants(`{"src": ["autogroup:member"], "dst": ["tag:db"], "ip": ["tcp:22-23", "udp:22"]}`), ""},
		{"exceptions of exceptions", grants(`{"src": ["ann@example.com"], "dst": ["tag:db"], "ip": ["22"]}`),
			grants(`{"src": ["*"], "dst": ["tag:db"], "ip": ["443"]}`, `{"src": ["autogroup:member"], "dst": ["tag:db"], "ip": ["22"]}`),
			"gains  *, ann@example.com (except autogroup:member) → tag:db: 443\ngains  autogroup:member (except ann@example.com) → tag:db: 22, 443\n"},

		{"posture", grants(), grants(`{"src": ["group:eng"], "dst": ["tag:web"], "ip": ["443"], "srcPosture": ["posture:new"]}`),
			"not computed  grants: depends on the posture of the device (srcPosture) (new.hujson:2:90)\n"},
		{"posture for all", grants(web), strings.Replace(grants(web), "{", `{"defaultSrcPosture": ["posture:new"],`, 1),
			"loses  group:eng → tag:web: 443 (uncertain: depends on a rule with srcPosture)\nnot computed  grants: depends on the posture of the device (srcPosture) (new.hujson:2:90)\n"},
		{"a posture that goes", grants(`{"src": ["group:eng"], "dst": ["tag:web"], "ip": ["443"], "srcPosture": ["posture:new"]}`), grants(web),
			"gains  group:eng → tag:web: 443 (uncertain: depends on a rule with srcPosture)\nnot computed  grants: depends on the posture of the device (srcPosture) (gone; it was at old.hujson:2:90)\n"},
		{"posture of something else", grants(web, `{"src": ["group:ops"], "dst": ["tag:web"], "ip": ["443"], "srcPosture": ["posture:new"]}`),
			grants(`{"src": ["group:ops"], "dst": ["tag:web"], "ip": ["443"], "srcPosture": ["posture:new"]}`), "loses  group:eng → tag:web: 443\n"},
		{"an address of the tailnet", grants(`{"src": ["tag:web"], "dst": ["tag:db"], "ip": ["22"]}`), grants(`{"src": ["100.64.0.5"], "dst": ["tag:db"], "ip": ["22"]}`),
			"loses  tag:web → tag:db: 22 (uncertain: 100.64.0.5 may be the same)\ngains  100.64.0.5 → tag:db: 22 (uncertain: tag:web may be the same)\n"},
		{"an address of the tailnet, as a destination", grants(`{"src": ["tag:web"], "dst": ["tag:db"], "ip": ["22"]}`), grants(`{"src": ["tag:web"], "dst": ["fd7a:115c:a1e0::5"], "ip": ["22"]}`),
			"loses  tag:web → tag:db: 22 (uncertain: fd7a:115c:a1e0::5 may be the same)\ngains  tag:web → fd7a:115c:a1e0::5: 22 (uncertain: tag:db may be the same)\n"},
		{"an address that is no node's", grants(`{"src": ["tag:web"], "dst": ["tag:db"], "ip": ["22"]}`), grants(`{"src": ["tag:web"], "dst": ["10.0.0.9"], "ip": ["22"]}`),
			"loses  tag:web → tag:db: 22\ngains  tag:web → printer: 22\n"},
		{"another port of an address", grants(`{"src": ["tag:web"], "dst": ["tag:db"], "ip": ["22"]}`), grants(`{"src": ["100.64.0.5"], "dst": ["tag:db"], "ip": ["23"]}`),
			"loses  tag:web → tag:db: 22\ngains  100.64.0.5 → tag:db: 23\n"},
		{"all addresses", grants(`{"src": ["*"], "dst": ["*"], "ip": ["*"]}`),
			grants(`{"src": ["100.64.0.0/10", "fd7a:115c:a1e0::/48"], "dst": ["100.64.0.0/10", "fd7a:115c:a1e0::/48"], "ip": ["*"]}`),
			"loses  * (except 100.64.0.0/10, fd7a:115c:a1e0::/48) → *: * (uncertain: 100.64.0.0/10, fd7a:115c:a1e0::/48 may be the same)\n" +
				"loses  100.64.0.0/10, fd7a:115c:a1e0::/48 → * (except 100.64.0.0/10, fd7a:115c:a1e0::/48): * (uncertain: 100.64.0.0/10, fd7a:115c:a1e0::/48 may be the same)\n"},
		{"who is an admin", grants(`{"src": ["ann@example.com"], "dst": ["tag:db"], "ip": ["22"]}`, `{"src": ["autogroup:admin"], "dst": ["*"], "ip": ["*"]}`),
			grants(`{"src": ["autogroup:admin"], "dst": ["*"], "ip": ["*"]}`), "loses  ann@example.com → tag:db: 22 (uncertain: autogroup:admin may be the same)\n"},
		{"who is in a group of the identity provider", grants(), grants(`{"src": ["group:sec@example.com"], "dst": ["tag:db"], "ip": ["22"]}`, `{"src": ["tag:web"], "dst": ["tag:db"], "ip": ["22"]}`),
			"gains  group:sec@example.com, tag:web → tag:db: 22\n"},
		{"who was in a group of the identity provider", grants(`{"src": ["ann@example.com"], "dst": ["tag:db"], "ip": ["22"]}`), grants(`{"src": ["group:sec@example.com"], "dst": ["tag:db"], "ip": ["22"]}`),
			"loses  ann@example.com → tag:db: 22 (uncertain: group:sec@example.com may be the same)\ngains  group:sec@example.com → tag:db: 22 (uncertain: ann@example.com may be the same)\n"},
		{"a tag has no role", grants(`{"src": ["tag:web"], "dst": ["tag:db"], "ip": ["22"]}`), grants(`{"src": ["autogroup:admin"], "dst": ["tag:db"], "ip": ["22"]}`),
			"loses  tag:web → tag:db: 22\ngains  autogroup:admin → tag:db: 22\n"},
		{"the same posture", grants(`{"src": ["group:eng"], "dst": ["tag:web"], "ip": ["443"], "srcPosture": ["posture:new"]}`),
			grants(`{"src": ["bob@example.com", "ann@example.com"], "dst": ["tag:web"], "ip": ["443"], "srcPosture": ["posture:new"]}`), ""},
		{"what a posture is", `{"postures": {"posture:a": ["node:os == 'linux'"]}, "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"], "srcPosture": ["posture:a"]}]}`,
			`{"postures": {"posture:a": ["node:os == 'macos'"]}, "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"], "srcPosture": ["posture:a"]}]}`,
			"not computed  acls: depends on the posture of the device (srcPosture) (new.hujson:1:62)\nnot computed  acls: depends on the posture of the device (srcPosture) (gone; it was at old.hujson:1:62)\n"},
		{"via", grants(), grants(`{"src": ["group:eng"], "dst": ["10.0.0.0/8"], "ip": ["443"], "via": ["tag:web"]}`),
			"not computed  grants: depends on the way that traffic takes (via) (new.hujson:2:90)\n"},
		{"capabilities", grants(web), grants(strings.Replace(web, `}`, `, "app": {"example.com/cap/x": [{"a": 1}]}}`, 1)),
			"not computed  grants: capabilities of applications (app) (new.hujson:2:90)\n"},
		{"the internet", grants(), grants(`{"src": ["group:eng"], "dst": ["tag:web", "autogroup:internet"], "ip": ["443"]}`),
			"gains  group:eng → tag:web: 443\nnot computed  grants: the way out by an exit node (autogroup:internet) (new.hujson:2:90)\n"},
		{"unknown names", grants(), grants(`{"src": ["autogroup:friends"], "dst": ["scanner", "ipset:lan", "tag:web"], "ip": ["443"]}`),
			"not computed  grants: a destination that nothing here defines: scanner ipset:lan (new.hujson:2:90)\nnot computed  grants: a source that nothing here defines: autogroup:friends (new.hujson:2:90)\n"},
		{"ports nobody knows", grants(), grants(`{"src": ["tag:web"], "dst": ["tag:db"], "ip": ["gre:80"]}`),
			"not computed  grants: a rule that cannot be read: ip has \"gre:80\" (new.hujson:2:90)\n"},
		{"not even a rule", grants(), grants(`{"src": "tag:web", "dst": ["tag:db"], "ip": ["80"]}`),
			"not computed  grants: a rule that cannot be read: src has a value of the wrong kind (new.hujson:2:90)\n"},
		{"a circle", `{"grants": []}`, `{"ipsets": {"ipset:a": ["ipset:b"], "ipset:b": ["ipset:a"]}, "grants": [{"src": ["*"], "dst": ["ipset:a"], "ip": ["*"]}]}`,
			"not computed  grants: a destination that nothing here defines: ipset:a (new.hujson:1:73)\n"},
		{"SSH", grants(web), strings.Replace(grants(web), "{", `{"ssh": [{"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["root"]}],`, 1),
			"not computed  ssh: who may log in by Tailscale SSH (new.hujson:1:9)\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := effect(t, test.old, test.new).Text()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s\nold %s\nnew %s", diff, test.old, test.new)
			}
		})
	}
}

func effect(t testing.TB, old, new string) policyfile.Effects {
	t.Helper()
	a, err := policyfile.Parse(source("old.hujson", old))
	if err != nil {
		t.Fatal(err)
	}
	b, err := policyfile.Parse(source("new.hujson", new))
	if err != nil {
		t.Fatal(err)
	}
	return between(t, a, b)
}

func between(t testing.TB, old, new *policyfile.File) policyfile.Effects {
	t.Helper()
	e, err := policyfile.Effect(t.Context(), old, new)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
