package localtailnet

import (
	"net/netip"
	"strings"
	"testing"
)

// A rule with srcPosture lets in the nodes that have the attributes, as soon as
// they have them.
func TestAllows_byPosture(t *testing.T) {
	tn := start(t, Options{})
	ci := tn.AddNode("ci", KeyOptions{Tags: []string{"tag:ci"}})
	db := tn.AddNode("db", KeyOptions{Tags: []string{"tag:db"}})
	const policy = `{
		"tagOwners": {"tag:ci": [], "tag:db": []},
		"postures": {"posture:gold": ["custom:tier == 'gold'", "custom:score >= 50"], "posture:none": ["custom:tier NOT SET"]},
		"grants": [{"src": ["*"], "dst": ["tag:db"], "ip": ["*"], "srcPosture": [POSTURES]}],
		DEFAULT
	}`
	for _, tt := range []struct {
		name, postures, byDefault string
		set                       map[string]any
		want                      bool
	}{
		{"no attribute", `"posture:gold"`, "", nil, false},
		{"some attributes", `"posture:gold"`, "", map[string]any{"custom:tier": "gold"}, false},
		{"all attributes", `"posture:gold"`, "", map[string]any{"custom:score": 50.0}, true},
		{"none of two postures", `"posture:none"`, "", nil, false},
		{"one of two postures", `"posture:none", "posture:gold"`, "", nil, true},
		{"no posture", ``, "", map[string]any{"custom:score": 49.0}, true},
		{"the default posture", ``, `"defaultSrcPosture": ["posture:gold"]`, nil, false},
		{"a posture instead of the default", `"posture:gold"`, `"defaultSrcPosture": ["posture:none"]`, map[string]any{"custom:score": 51.0}, true},
	} {
		for key, value := range tt.set {
			if err := tn.SetAttribute(ci.ID, key, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := tn.SetPolicy(strings.NewReplacer("POSTURES", tt.postures, "DEFAULT", tt.byDefault).Replace(policy)); err != nil {
			t.Fatal(tt.name, err)
		}
		for i := range 2 {
			if got := tn.Allows(ci.IPs[i], db.IPs[i], 6, 80); got != tt.want {
				t.Errorf("%s: %v to %v: got %v, want %v", tt.name, ci.IPs[i], db.IPs[i], got, tt.want)
			}
		}
		if tt.postures != "" && tn.Allows(netip.MustParseAddr("100.99.99.99"), db.IPs[0], 6, 80) {
			t.Errorf("%s: an address without a node is let in", tt.name)
		}
	}
}

func TestSetAttribute_refuses(t *testing.T) {
	tn := start(t, Options{})
	n := tn.AddNode("ci", KeyOptions{})
	for key, value := range map[string]any{
		"tier": "gold", "node:os": "linux", "custom:": "x", "custom:" + strings.Repeat("x", 122): "x",
		"custom:a": strings.Repeat("x", 51), "custom:b": "a b", "custom:c": 1.5, "custom:d": float64(1 << 54), "custom:e": nil, "custom:f": []any{"x"},
	} {
		if err := tn.SetAttribute(n.ID, key, value); err == nil {
			t.Errorf("%s: %v is taken", key, value)
		}
	}
	if err := tn.SetAttribute("nNONE", "custom:a", "x"); err == nil {
		t.Error("a node that does not exist is taken")
	}
}

func TestAssertion(t *testing.T) {
	attributes := map[string]any{
		"node:os": "macos", "node:tsVersion": "1.102.5", "custom:score": 7.0, "custom:managed": true,
	}
	for text, want := range map[string]bool{
		"node:os == 'macos'":                  true,
		"node:os=='macos'":                    true,
		"node:os == 'linux'":                  false,
		"node:os != 'linux'":                  true,
		"node:os IN ['linux', 'macos']":       true,
		"node:os NOT IN ['linux', 'windows']": true,
		"node:os NOT IN ['macos']":            false,
		"node:tsVersion >= '1.40'":            true,
		"node:tsVersion < '1.40'":             false,
		"node:tsVersion > '1.102.5'":          false,
		"node:tsVersion <= '1.102.5'":         true,
		"custom:score > 6":                    true,
		"custom:score <= 6":                   false,
		"custom:score == '7'":                 false,
		"custom:score != '7'":                 true,
		"custom:managed == true":              true,
		"custom:managed == false":             false,
		"custom:managed IS SET":               true,
		"custom:managed NOT SET":              false,
		"custom:tier NOT SET":                 true,
		"custom:tier IS SET":                  false,
		"custom:tier != 'gold'":               false,
		"custom:tier NOT IN ['gold']":         false,
	} {
		a, ok := parseAssertion(text)
		if got := a.holds(attributes); !ok || got != want {
			t.Errorf("%s: got %v (%v), want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "node:os", "os == 'macos'", "node:os = 'macos'", "node:os == macos", "node:os == ", "node:os IN 'macos'", "node:os IN ['macos', ]",
		"node:os > 'linux'", "custom:managed >= true", "node:os IS SET 'x'", "node:os LIKE 'x'", "node:os == ['x']",
	} {
		if _, ok := parseAssertion(text); ok {
			t.Errorf("%s is taken", text)
		}
	}
}

// Tests of a policy say which attributes their source has.
func TestPolicyTests_giveAttributes(t *testing.T) {
	const policy = `{
		"tagOwners": {"tag:ci": [], "tag:db": []},
		"postures": {"posture:gold": ["custom:tier == 'gold'"], "posture:mac": ["node:os == 'macos'"]},
		"defaultSrcPosture": ["posture:gold"],
		"grants": [{"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["tcp:80"]}],
		"ssh": [{"action": "accept", "src": ["tag:ci"], "dst": ["tag:db"], "users": ["root"], "srcPosture": ["posture:mac"]}],
		TESTS
	}`
	for tests, want := range map[string]bool{
		`"tests": [{"src": "tag:ci", "deny": ["tag:db:80"]}]`:                                                                              true,
		`"tests": [{"src": "tag:ci", "accept": ["tag:db:80"]}]`:                                                                            false,
		`"tests": [{"src": "tag:ci", "srcPostureAttrs": {"custom:tier": "gold"}, "accept": ["tag:db:80"]}]`:                                true,
		`"tests": [{"src": "tag:ci", "srcPostureAttrs": {"custom:tier": "tin"}, "accept": ["tag:db:80"]}]`:                                 false,
		`"sshTests": [{"src": "tag:ci", "dst": ["tag:db"], "accept": ["root"]}]`:                                                           false,
		`"sshTests": [{"src": "tag:ci", "dst": ["tag:db"], "srcPostureAttrs": {"node:os": "macos"}, "accept": ["root"]}]`:                  true,
		`"tests": [{"src": "tag:ci", "srcPostureAttrs": {"custom:tier": ["gold"]}, "accept": ["tag:db:80"]}]`:                              false,
		`"tests": [{"src": "tag:ci", "srcPostureAttrs": {"custom:tier": "gold", "custom:n": 1, "custom:b": true}, "deny": ["tag:db:81"]}]`: true,
	} {
		tn := start(t, Options{})
		if err := tn.SetPolicy(strings.Replace(policy, "TESTS", tests, 1)); (err == nil) != want {
			t.Errorf("%s: got %v", tests, err)
		}
	}
}
