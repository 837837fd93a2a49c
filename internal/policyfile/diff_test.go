package policyfile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/policyfile"
)

const before = `// The policy of Example, Inc.
{
	"groups": {
		"group:eng": ["ann@example.com"],
		// Those on call.
		"group:ops": ["bob@example.com"], // bob alone
	},
	"grants": [
		// The web.
		{"src": ["group:eng"], "dst": ["tag:web"], "ip": ["443"]},
		{
			"src": ["group:ops"],
			"dst": ["tag:db"],
			"ip":  ["5432"],
		}, // until June
		{"src": ["tag:ci"], "dst": ["tag:web"], "ip": ["22"]},
	],
	"disableIPv4": false,
}
`

const after = `// The policy of Example, Inc.
{
	"disableIPv4": true,
	"groups": {
		// Those on call.
		"group:ops": ["bob@example.com"], // bob and nobody else
		"group:eng": ["ann@example.com"],
		"group:new": [],
	},
	// What is open.
	"grants": [
		// The web, encrypted.
		{
			"src": ["group:eng"], "dst": ["tag:web"], "ip": ["443"]
		},
		{
			"src": ["group:ops"],
			"dst": ["tag:db"],
			"ip":  ["5432", "6432"],
		}, // until June
	],
	"tests": [{"src": "tag:ci", "deny": ["tag:web:22"]}],
}
`

func TestDiff_showsEntriesWithTheirComments(t *testing.T) {
	want := `@@ grants b.hujson:11 @@
+// What is open.
@@ grants b.hujson:13 @@
-// The web.
-{"src": ["group:eng"], "dst": ["tag:web"], "ip": ["443"]},
+// The web, encrypted.
+{
+	"src": ["group:eng"],
+	"dst": ["tag:web"],
+	"ip":  ["443"],
+},
@@ grants b.hujson:16 @@
 {
 	"src": ["group:ops"],
 	"dst": ["tag:db"],
-	"ip":  ["5432"],
+	"ip":  ["5432", "6432"],
 }, // until June
@@ grants a.hujson:16 @@
-{"src": ["tag:ci"], "dst": ["tag:web"], "ip": ["22"]},
@@ groups b.hujson:6 @@
 // Those on call.
-"group:ops": ["bob@example.com"], // bob alone
+"group:ops": ["bob@example.com"], // bob and nobody else
@@ groups b.hujson:8 @@
+"group:new": [],
@@ tests b.hujson:22 @@
+{"src": "tag:ci", "deny": ["tag:web:22"]},
@@ disableIPv4 b.hujson:3 @@
-false,
+true,
`
	old, new := mustParse(t, before), mustParseAs(t, "b.hujson", after)
	if diff := cmp.Diff(want, policyfile.DiffText(policyfile.Diff(old, new))); diff != "" {
		t.Error(diff)
	}
}

func TestDiff_ofTheSame(t *testing.T) {
	for name, other := range map[string]string{
		"text": before,
		"other line breaks": strings.NewReplacer(
			`{"src": ["group:eng"], "dst": ["tag:web"], "ip": ["443"]}`, "{\n\"src\": [\n\"group:eng\"\n], \"dst\": [\"tag:web\"],\n\n\"ip\": [\"443\"] }",
			"{\n\t\t\t\"src\": [\"group:ops\"],\n", `{"src": ["group:ops"], `,
			"\t", "   ").Replace(before),
	} {
		if !policyfile.SameButLayout(mustParse(t, before), mustParse(t, other)) {
			t.Errorf("%s is another policy", name)
		}
		if got := policyfile.Diff(mustParse(t, before), mustParse(t, other)); len(got) > 0 {
			t.Errorf("%s: %s", name, policyfile.DiffText(got))
		}
	}
}

// Whose a comment is, its line says.
func TestDiff_ofCommentsBehindSections(t *testing.T) {
	old := "{\n\"groups\": {\"group:a\": []}, // who\n\"acls\": [] // none\n// the end\n}"
	for text, want := range map[string]string{
		strings.Replace(old, "who", "whose", 1):            "@@ groups a.hujson:2 @@\n-// who\n+// whose\n",
		strings.Replace(old, "none", "nothing", 1):         "@@ acls a.hujson:3 @@\n-// none\n+// nothing\n []\n",
		strings.Replace(old, "the end", "end", 1):          "@@ comments a.hujson:1 @@\n-// the end\n+// end\n",
		strings.Replace(old, " // who\n", "\n// who\n", 1): "@@ acls a.hujson:4 @@\n+// who\n // none\n []\n@@ groups a.hujson:2 @@\n-// who\n",
	} {
		if diff := cmp.Diff(want, policyfile.DiffText(policyfile.Diff(mustParse(t, old), mustParse(t, text)))); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
		if policyfile.SameButLayout(mustParse(t, old), mustParse(t, text)) {
			t.Errorf("%s is the same", text)
		}
	}
}

// A tool may write an entry in another layout: what changes is shown all the
// same.
func TestDiffText_findsAChangeBehindAnotherLayout(t *testing.T) {
	var list []string
	for i := range 40_000 {
		list = append(list, fmt.Sprintf("%q", fmt.Sprintf("user%d@example.com", i)))
	}
	old := `{"groups": {"group:all": [` + strings.Join(list, ", ") + `]}}`
	list[100] = `"new@example.com"`
	new := `{"groups": {"group:all": [` + "\n" + strings.Join(list, ",\n") + "\n]}}"
	got := policyfile.DiffText(policyfile.Diff(mustParse(t, old), mustParse(t, new)))
	if n := strings.Count(got, "\n"); n > 20 || !strings.Contains(got, "-\t\"user100@example.com\",\n+\t\"new@example.com\",\n") {
		t.Errorf("%d lines:\n%.2000s", n, got)
	}
}

func TestDiff_ofComments(t *testing.T) {
	got := policyfile.DiffText(policyfile.Diff(mustParse(t, "// Old.\n{}\n"), mustParse(t, "// New.\n{}\n// The end.\n")))
	want := "@@ comments a.hujson:2 @@\n-// Old.\n+// New.\n+// The end.\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDiff_ofSectionsWithoutEntries(t *testing.T) {
	got := policyfile.DiffText(policyfile.Diff(mustParse(t, `{"acls": [], "groups": {}}`), mustParse(t, `{"groups": {"group:a": []}, "grants": []}`)))
	want := "@@ grants a.hujson:1 @@\n+[]\n@@ acls a.hujson:1 @@\n-[]\n@@ groups a.hujson:1 @@\n-{}\n@@ groups a.hujson:1 @@\n+\"group:a\": [],\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func mustParseAs(t testing.TB, name, text string) *policyfile.File {
	t.Helper()
	f, err := policyfile.Parse(source(name, text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A key that is there twice with the same value is no difference.
func TestDiff_ofAFileWithItself(t *testing.T) {
	for _, text := range []string{
		`{"groups": {"group:a": ["x@y.z"], "group:a": ["x@y.z"]}}`, `{"": {"": [], "": []}}`, `{"groups": {}, "Groups": {}}`,
		"{\"groups\": {\n// One.\n\"group:a\": [],\n// Two.\n\"group:a\": []}}",
	} {
		if got := policyfile.Diff(mustParse(t, text), mustParse(t, text)); len(got) > 0 {
			t.Errorf("%s\n%s", text, policyfile.DiffText(got))
		}
	}
	once, twice := mustParse(t, `{"groups": {"group:a": []}}`), mustParse(t, `{"groups": {"group:a": [], "group:a": []}}`)
	if there, back := policyfile.Diff(once, twice), policyfile.Diff(twice, once); len(there) != 1 || len(back) != 1 {
		t.Errorf("got %d and %d changes, want one each", len(there), len(back))
	}
}

// Of a long entry only what is near a change is shown, however far apart
// changes are.
func TestDiffText_leavesOutWhatDoesNotChange(t *testing.T) {
	members := func(change ...int) string {
		var b strings.Builder
		b.WriteString(`{"groups": {"group:all": [` + "\n")
		for i := range 40_000 {
			name := fmt.Sprintf("user%d@example.com", i)
			if slices.Contains(change, i) {
				name = "new" + name
			}
			fmt.Fprintf(&b, "%q,\n", name)
		}
		return b.String() + "]}}"
	}
	want := `@@ groups b.hujson:1 @@
 "group:all": [
@@ 97 lines do not change @@
 	"user97@example.com",
 	"user98@example.com",
 	"user99@example.com",
-	"user100@example.com",
+	"newuser100@example.com",
 	"user101@example.com",
 	"user102@example.com",
 	"user103@example.com",
@@ 38893 lines do not change @@
 	"user38997@example.com",
 	"user38998@example.com",
 	"user38999@example.com",
-	"user39000@example.com",
+	"newuser39000@example.com",
 	"user39001@example.com",
 	"user39002@example.com",
 	"user39003@example.com",
@@ 997 lines do not change @@
`
	old, new := mustParse(t, members()), mustParseAs(t, "b.hujson", members(100, 39000))
	if diff := cmp.Diff(want, policyfile.DiffText(policyfile.Diff(old, new))); diff != "" {
		t.Error(diff)
	}
}

// Long lists are compared, too, whatever their order is.
func TestDiff_ofLongLists(t *testing.T) {
	rules := func(n int, rule func(i int) string) string {
		var b strings.Builder
		b.WriteString(`{"grants": [`)
		for i := range n {
			b.WriteString(rule(i) + ",")
		}
		return b.String() + "]}"
	}
	own := func(i int) string { return fmt.Sprintf(`{"src": ["tag:%d"]}`, i) }
	const n = 5000
	for name, c := range map[string]struct {
		new  func(i int) string
		want int
	}{
		"every hundredth":  {func(i int) string { return own(i - i%100/99*n) }, n / 100},
		"all replaced":     {func(i int) string { return own(i + n) }, n},
		"one moved to top": {func(i int) string { return own((i + n - 1) % n) }, 2},
		"all the same":     {func(int) string { return own(0) }, n - 1},
	} {
		got := policyfile.Diff(mustParse(t, rules(n, own)), mustParse(t, rules(n, c.new)))
		if len(got) != c.want {
			t.Errorf("%s: got %d changes, want %d", name, len(got), c.want)
		}
	}
}
