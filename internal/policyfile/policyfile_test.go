package policyfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/policyfile"
	"github.com/tailscale/hujson"
)

func source(name, text string) policyfile.Source {
	return policyfile.Source{Name: name, Text: []byte(text)}
}

func mustParse(t testing.TB, texts ...string) *policyfile.File {
	t.Helper()
	var sources []policyfile.Source
	for i, text := range texts {
		sources = append(sources, source(string(rune('a'+i))+".hujson", text))
	}
	f, err := policyfile.Parse(sources...)
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(texts, "\n---\n"))
	}
	return f
}

func TestParse_saysWhereATextIsNoPolicy(t *testing.T) {
	for name, test := range map[string]struct {
		texts []string
		want  string
	}{
		"empty":         {[]string{" \n"}, "a.hujson:1:1: the file is empty"},
		"no HuJSON":     {[]string{"{\n\t\"acls\": [}\n}"}, "a.hujson:2:11: not HuJSON: invalid character '}' at start of value"},
		"cut off":       {[]string{"{\"acls\": ["}, "a.hujson:1:11: not HuJSON: parsing value: unexpected EOF"},
		"no object":     {[]string{"// a list\n[]"}, "a.hujson:2:1: a policy file is an object, in { }"},
		"a key twice":   {[]string{"{\"hosts\": {\n\"a\": \"10.0.0.1\",\n\"a\": \"10.0.0.2\"}}"}, `a.hujson:3:1: "a" is there twice, with different values; the other is at a.hujson:2:1`},
		"section twice": {[]string{"{\"acls\": [],\n\"ACLs\": [1]}"}, `a.hujson:2:1: "ACLs" is there twice, with different values; the other is at a.hujson:1:2`},
		"second file":   {[]string{"{}", "{\n,}"}, "b.hujson:2:1: not HuJSON: invalid character ',' at start of value"},
		"in two files": {
			[]string{`{"groups": {"group:eng": ["ann@example.com"]}}`, "{\"groups\": {\n\t\"group:eng\": [\"bob@example.com\"]}}"},
			`b.hujson:2:2: "group:eng" is there twice, with different values; the other is at a.hujson:1:13`,
		},
		"two kinds": {
			[]string{`{"acls": []}`, `{"acls": {}}`},
			`b.hujson:1:2: "acls" is there twice, with different values; the other is at a.hujson:1:2`,
		},
		"default posture of two files": {
			[]string{`{"defaultSrcPosture": ["posture:a"]}`, `{"defaultSrcPosture": ["posture:b"]}`},
			`b.hujson:1:2: "defaultSrcPosture" is there twice, with different values; the other is at a.hujson:1:2`,
		},
		"a field twice": {
			[]string{`{"grants": [{"src": ["*"], "Src": ["tag:a"]}]}`},
			`a.hujson:1:28: "Src" is there twice, with different values; the other is at a.hujson:1:14`,
		},
		"a field twice, in a letter that is an s to JSON": {
			[]string{`{"grants": [{"src": ["*"], "\u017frc": ["tag:a"]}]}`},
			`a.hujson:1:28: "ſrc" is there twice, with different values; the other is at a.hujson:1:14`,
		},
		"a word": {[]string{"hunter2-database-password"}, "a.hujson:1:1: not HuJSON: invalid literal"},
		"text":   {[]string{`{"a": "hunter2\x"}`}, "a.hujson:1:7: not HuJSON: invalid literal"},
		"deep, closed in comments": {
			[]string{"//" + strings.Repeat("]", 5000) + "\n" + strings.Repeat("[", 5000)}, "a.hujson:2:51: objects and lists are too far inside each other",
		},
		"sections": {[]string{`{"a": 1,` + strings.Repeat(`"b": 1,`, 1000) + `}`}, "a.hujson:1:1: there are too many sections"},
		"deep":     {[]string{`{"a": ` + strings.Repeat("[", 2000)}, "a.hujson:1:56: objects and lists are too far inside each other"},
	} {
		t.Run(name, func(t *testing.T) {
			var sources []policyfile.Source
			for i, text := range test.texts {
				sources = append(sources, source(string(rune('a'+i))+".hujson", text))
			}
			_, err := policyfile.Parse(sources...)
			if _, ok := errors.AsType[*policyfile.Error](err); !ok || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

const rulesFile = `// Rules.
{
	// People.
	"groups": {"group:eng": ["ann@example.com"]}, // just ann
	"acls": [
		// The web.
		{"action": "accept", "src": ["group:eng"], "dst": ["tag:web:80"]}, // plain
		// The end of the rules of people.
	],
}
`

const serversFile = `// Servers.
{
	"tagOwners": {"tag:web": []},
	// More rules.
	"acls": [
		{"action": "accept", "src": ["tag:web"], "dst": ["tag:db:5432"]}, // the base
	],
	"groups": {
		"group:eng": ["ann@example.com"], // the same
		"group:ops": ["bob@example.com"],
	},
	"autoApprovers": {"exitNode": ["tag:web"]},
}
// The end.
`

func TestParse_joinsFilesWithTheirComments(t *testing.T) {
	got := string(mustParse(t, rulesFile, serversFile).Text())
	want := `// Rules.
{
	// People.
	"groups": {
		"group:eng": ["ann@example.com"], // the same
		"group:ops": ["bob@example.com"],
	}, // just ann
	"acls": [
		// The web.
		{"action": "accept", "src": ["group:eng"], "dst": ["tag:web:80"]}, // plain
		// The end of the rules of people.
		// More rules.
		{"action": "accept", "src": ["tag:web"], "dst": ["tag:db:5432"]}, // the base
	],
	// Servers.
	"tagOwners":     {"tag:web": []},
	"autoApprovers": {"exitNode": ["tag:web"]},
}
// The end.
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// In maps, letters count: two groups, and two capabilities.
func TestParse_takesNamesThatDifferInCase(t *testing.T) {
	mustParse(t, `{"groups": {"group:a": ["x@y.z"], "group:A": []}, "grants": [{"src": ["*"], "dst": ["*"], "app": {"x.y/z": [{"a": 1, "A": 2}], "x.y/Z": []}}]}`)
}

func TestParse_joinsAutoApproversInside(t *testing.T) {
	f := mustParse(t, `{"autoApprovers": {"routes": {"10.0.0.0/8": ["tag:a"]}}}`, `{"autoApprovers": {"routes": {"10.1.0.0/16": ["tag:b"]}}}`)
	if got, want := minimal(t, f.JSON()), `{"autoApprovers":{"routes":{"10.0.0.0/8":["tag:a"],"10.1.0.0/16":["tag:b"]}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Places are those of the file that the joined text came from, in HuJSON and in
// JSON alike.
func TestLocate_findsTheFile(t *testing.T) {
	f := mustParse(t, rulesFile, serversFile)
	for find, want := range map[string]string{
		`"src": ["group:eng"]`: "a.hujson:7:24",
		`"src": ["tag:web"]`:   "b.hujson:6:24",
		`tag:db:5432`:          "b.hujson:6:53",
		`"group:ops"`:          "b.hujson:10:3",
		`"tagOwners"`:          "b.hujson:3:2",
		`"groups"`:             "a.hujson:4:2",
		`"autoApprovers"`:      "b.hujson:12:2",
		`{"action": "accept", "src": ["tag:web"]`: "b.hujson:6:3",
	} {
		for form, text := range map[string][]byte{"HuJSON": f.Text(), "JSON": f.JSON()} {
			line, column := place(t, text, find)
			if got := f.Locate(line, column).String(); got != want {
				t.Errorf("%s in %s: got %s, want %s", find, form, got, want)
			}
		}
	}
}

func TestLocate_isExactInAFileThatIsFormatted(t *testing.T) {
	f := mustParse(t, string(mustParse(t, rulesFile).Text()))
	for line := 1; line < 11; line++ {
		if got := f.Locate(line, 2); got.Line != line {
			t.Errorf("line %d is found at %v", line, got)
		}
	}
	if got, want := f.Locate(1000, 1000).String(), "a.hujson:11:1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := f.Locate(-1, -1).String(), "a.hujson:1:1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func place(t *testing.T, text []byte, find string) (line, column int) {
	t.Helper()
	at := bytes.Index(text, []byte(find))
	if at < 0 {
		t.Fatalf("%s is not in\n%s", find, text)
	}
	before := text[:at]
	return bytes.Count(before, []byte("\n")) + 1, at - bytes.LastIndexByte(before, '\n')
}

// gitops-pusher compares the server's ETag with this.
func TestETag_isTheHashOfTheFormattedText(t *testing.T) {
	a, b := mustParse(t, `{"acls":[ ],}`), mustParse(t, "{\"acls\": []}\n")
	if a.ETag() != b.ETag() || a.ETag() != policyfile.ETag([]byte(`{"acls":[ ],}`)) {
		t.Error("blanks change the ETag")
	}
	// printf '{"acls": []}\n' | sha256sum
	if got, want := b.ETag(), "99da70d87d436657826c1b97333561071acd862a637dbd3d6dca12dd0eb09ceb"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if a.ETag() == mustParse(t, "// New.\n{\"acls\": []}").ETag() {
		t.Error("a comment does not change the ETag")
	}
}

func TestTagOwners(t *testing.T) {
	f := mustParse(t, "{\n\"TagOwners\": {\n\"tag:a\": [\"group:eng\", \"tag:b\"],\n\"tag:b\": []}}")
	owners, at, ok := f.TagOwners("tag:a")
	if got, want := strings.Join(owners, " "), "group:eng tag:b"; got != want || !ok || at.Line != 3 {
		t.Errorf("got %s at %v", got, at)
	}
	if owners, _, ok := f.TagOwners("tag:b"); !ok || len(owners) > 0 {
		t.Error("tag:b is for admins")
	}
	if _, _, ok := f.TagOwners("tag:c"); ok {
		t.Error("there is no tag:c")
	}
}

func TestTestsOf_findsTheTestsOfASource(t *testing.T) {
	f := mustParse(t, "{\"tests\": [\n{\"src\": \"tag:a\", \"accept\": [\"tag:b:1\"]},\n{\"user\": \"tag:b\", \"deny\": [\"tag:a:1\"]},\n{\"src\": \"tag:a\"}]}")
	if diff := cmp.Diff([]policyfile.Position{{File: "a.hujson", Line: 2, Column: 1}, {File: "a.hujson", Line: 4, Column: 1}}, f.TestsOf("tests", "tag:a")); diff != "" {
		t.Error(diff)
	}
	if got := f.TestsOf("tests", "tag:b"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func minimal(t testing.TB, text []byte) string {
	t.Helper()
	small, err := hujson.Minimize(bytes.Clone(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return string(small)
}

func TestJSON_isStandard(t *testing.T) {
	f := mustParse(t, rulesFile, serversFile)
	if !json.Valid(f.JSON()) {
		t.Errorf("this is no JSON:\n%s", f.JSON())
	}
	if len(f.JSON()) != len(f.Text()) {
		t.Error("places are not the same in HuJSON and JSON")
	}
}
