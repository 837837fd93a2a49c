package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/policy"
)

// A comment that is too long is refused as a whole: what is shown is cut.
func TestReport_isNeverTooLong(t *testing.T) {
	tm := newTeam(t)
	var grants strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&grants, "\t\t{\"src\": [\"tag:ci\"], \"dst\": [\"tag:db\"], \"ip\": [\"tcp:%d\"]},\n", 6000+2*i)
	}
	tm.write(strings.Replace(base, "\t\t// Jobs", grants.String()+"\t\t// Jobs", 1))
	_, plan := tm.look()
	warnings := make([]diag.Place, 1000)
	for i := range warnings {
		warnings[i] = diag.Place{File: "policy.hujson", Line: i, Text: strings.Repeat("w", 100)}
	}
	r := policy.Report{
		Path: "policy.hujson", Plan: plan, Warnings: warnings, Notes: []string{"somebody changed it"},
		Problem: &diag.Problem{Summary: "no", Hint: strings.Repeat("hint\n", 10000)},
	}
	for _, most := range []int{20000, 65536} {
		text := r.Markdown(most)
		if len(text) > most {
			t.Errorf("%d bytes, want %d at most", len(text), most)
		}
		for _, part := range []string{"> somebody changed it", "error: no", "Warnings of Tailscale", "+ gains", "@@ grants", "lines more"} {
			if !strings.Contains(text, part) {
				t.Errorf("%d bytes: %q is cut off", most, part)
			}
		}
		if n := strings.Count(text, "\n```"); n != 8 {
			t.Errorf("%d fences, want 4 that open and 4 that close", n)
		}
	}
}

// What stands in a policy is text, whatever it looks like.
func TestReport_staysInItsFences(t *testing.T) {
	tm := newTeam(t)
	odd := "// ```\n\t\t// ````\n\t\t// <script> [x](y) @acme/admins"
	tm.write(strings.Replace(base, "// Jobs read the database.", odd, 1))
	_, plan := tm.look()
	text := (&policy.Report{Path: "a`b\n# c", Plan: plan}).Markdown(60000)
	_, rest, _ := strings.Cut(text, "\n`````diff\n")
	inside, after, closed := strings.Cut(rest, "\n`````\n")
	if !closed || !strings.Contains(inside, "@acme/admins") || strings.Contains(after, "@acme") {
		t.Errorf("not fenced:\n%s", text)
	}
	if first, _, _ := strings.Cut(text, "\n"); first != "### Tailnet policy: `a'b # c`" {
		t.Errorf("the heading is %q", first)
	}
}

// So are the verdict and the notes, which name files and tags.
func TestReport_showsNamesAsText(t *testing.T) {
	const odd = "policies/[click](https://x.y) <img src=x> @acme|`a`\n# b"
	text := (&policy.Report{Path: odd, Verdict: odd, Notes: []string{odd}}).Markdown(60000)
	_, rest, _ := strings.Cut(text, "\n")
	if strings.Contains(rest, "@") || strings.Contains(rest, "<") || strings.Contains(rest, "https:") || strings.Contains(rest, "\n#") || strings.Contains(text, "`a`") {
		t.Errorf("report:\n%s", text)
	}
}

// A comparison that was given up, or that there was nothing to make with, is
// never shown as a change that takes and gives nothing.
func TestReport_saysThatEffectsAreNotComputed(t *testing.T) {
	groups := make([]string, 0, 200)
	for i := range 200 {
		groups = append(groups, fmt.Sprintf("\"group:%d\": [\"group:%d\"],", i, i+1))
	}
	nested := strings.Replace(base, "\"tagOwners\"", "\"groups\": {"+strings.Join(groups, "\n")+"},\n\"tagOwners\"", 1)
	nested = strings.Replace(nested, `"src": ["tag:ci"], "dst"`, `"src": ["group:0"], "dst"`, 1)
	for name, c := range map[string]struct {
		live, file, want string
	}{
		"given up":                        {base, nested, "too far inside each other"},
		"a live policy that is no HuJSON": {"no policy", base, "the live policy cannot be read"},
	} {
		tm := newTeam(t)
		tm.fault(localtailnet.Fault{Method: "GET", Status: 200, Body: c.live})
		tm.write(c.file)
		_, plan := tm.look()
		text := (&policy.Report{Path: "p", Plan: plan}).Markdown(60000)
		if !strings.Contains(plan.NotComputed(), c.want) || strings.Contains(text, "obody gains") {
			t.Errorf("%s: says %q\n%s", name, plan.NotComputed(), text)
		}
	}
}

func TestReport_ofNoChangeHasNoDiff(t *testing.T) {
	tm := newTeam(t)
	tm.write(base)
	_, plan := tm.look()
	if text := (&policy.Report{Path: "p", Plan: plan, Verdict: "It is the live policy."}).Markdown(60000); strings.Contains(text, "```") || !strings.Contains(text, "It is the live policy.") {
		t.Errorf("report:\n%s", text)
	}
}
