package policy_test

import (
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/policy"
)

// A change that lets everyone in is said by itself, wherever the change is shown.
func TestPlan_saysThatAChangeOpensTheTailnet(t *testing.T) {
	rules := `	"grants": [` + "\n" + `		// Jobs read the database.` + "\n" + `		{"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["tcp:5432"]},` + "\n\t],\n"
	if !strings.Contains(base, rules) {
		t.Fatal("base has other rules")
	}
	without := strings.Replace(base, rules, "", 1)
	open := strings.Replace(base, `"src": ["tag:ci"], "dst": ["tag:db"], "ip": ["tcp:5432"]`, `"src": ["*"], "dst": ["*"], "ip": ["*"]`, 1)
	for name, c := range map[string]struct {
		live, file string
		want       string
	}{
		"the only section of rules goes": {base, without, "the policy has neither grants nor acls, and Tailscale then allows everything"},
		"a rule lets everyone in":        {base, open, "policy.hujson:9:3"},
		"an empty section":               {base, strings.Replace(base, rules, `"grants": [],`, 1), ""},
		"another port":                   {base, wider, ""},
		"everyone was in":                {open, without, ""},
		"everyone was in, and is not":    {without, base, ""},
		"it was so":                      {without, strings.Replace(without, "Who may", "Who can", 1), ""},
	} {
		tm := newTeam(t)
		live := strings.NewReplacer(`, "deny": ["tag:db:22"]`, "").Replace(c.live)
		if err := tm.SetPolicy(live); err != nil {
			t.Fatal(name, err)
		}
		tm.write(strings.NewReplacer(`, "deny": ["tag:db:22"]`, "").Replace(c.file))
		_, plan := tm.look()
		warning, report := plan.Opened(), (&policy.Report{Path: "p", Plan: plan}).Markdown(60000)
		shown := strings.Contains(plan.Effect(), "OPENS  everything to everyone") && strings.Contains(report, "\n! OPENS  everything to everyone")
		if (warning != "") != (c.want != "") || !strings.Contains(warning, c.want) || shown != (c.want != "") {
			t.Errorf("%s: got %q\n%s\n%s", name, warning, plan.Effect(), report)
		}
	}
}
