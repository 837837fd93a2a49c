package policyfile_test

import (
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
		"text":   before,
		"layout": string(mustParse(t, before).JSON()),
	} {
		if name == "layout" {
			continue
		}
		if got := policyfile.Diff(mustParse(t, before), mustParse(t, other)); len(got) > 0 {
			t.Errorf("%s: %s", name, policyfile.DiffText(got))
		}
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
