package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/policy"
)

// A change of one line in a policy of more than a megabyte is seen where people
// look, and soon.
func TestReport_showsOneLineOfALargePolicy(t *testing.T) {
	var members, rules strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&members, "\t\t\t\"user%d@example.com\",\n", i)
	}
	for i := range 3000 {
		fmt.Fprintf(&rules, "\t\t{\"src\": [\"tag:ci\"], \"dst\": [\"tag:db\"], \"ip\": [\"tcp:%d\"]},\n", 1024+i)
	}
	large := strings.Replace(base, "\t\t// Jobs", rules.String()+"\t\t// Jobs", 1)
	large = strings.Replace(large, "\t\"grants\"", "\t\"groups\": {\n\t\t\"group:all\": [\n"+members.String()+"\t\t],\n\t},\n\t\"grants\"", 1)
	if len(large) < 1_200_000 {
		t.Fatalf("only %d bytes", len(large))
	}
	tm := newTeam(t)
	if err := tm.SetPolicy(large); err != nil {
		t.Fatal(err)
	}
	tm.write(strings.Replace(large, "user20000@example.com", "ana@example.com", 1))
	began := time.Now()
	_, plan := tm.look()
	took := time.Since(began)
	t.Logf("%d bytes were compared in %v", len(large), took)
	if took > 5*time.Second { // a second, on a machine that does nothing else
		t.Errorf("it took %v", took)
	}
	for name, text := range map[string]string{
		"the log":     plan.Diff(),
		"the comment": (&policy.Report{Path: "p", Plan: plan}).Markdown(60000),
		"the summary": (&policy.Report{Path: "p", Plan: plan}).Markdown(900 << 10),
	} {
		if !strings.Contains(text, "@@ groups") || !strings.Contains(text, "-\t\"user20000@example.com\",\n+\t\"ana@example.com\",\n") || strings.Count(text, "\n") > 40 {
			t.Errorf("%s:\n%.2000s", name, text)
		}
	}
}
