package policyfile_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/policyfile"
	"github.com/tailscale/hujson"
)

// seed adds texts that have everything.
func seed(f *testing.F, add func(text string)) {
	f.Helper()
	for _, text := range []string{
		rulesFile, serversFile, before, after, "{" + people + `"grants": []}`, "{}", "[]", "", "// only words\n", "\ufeff{}", `{"acls": {}}`,
		`{"acls": [1, {"src": 1, "dst": ["x"]}], "grants": [{"src": ["*"], "dst": ["*"], "ip": ["0-65535", "tcp:x"]}]}`,
		`{"ipsets": {"ipset:a": ["ipset:a", "remove 0.0.0.0/0", "add ::-ffff::"]}, "hosts": {"a": "b", "c": "1.2.3.4/33"}, "groups": {"group:a": ["group:a"]},
		"grants": [{"src": ["group:a", "a", "fe80::1%eth0", "::ffff:1.2.3.4"], "dst": ["ipset:a", "[::]/0", "0.0.0.0/0", "255.255.255.255"], "ip": ["255:*"], "via": null, "app": {"a": 1}}]}`,
	} {
		add(text)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		add(anyPolicy.policy(r).text())
	}
}

func FuzzParse_formatsWhatItTakes(f *testing.F) {
	seed(f, func(text string) { f.Add([]byte(text)) })
	f.Fuzz(func(t *testing.T, text []byte) {
		was := bytes.Clone(text)
		file, err := policyfile.Parse(policyfile.Source{Name: "a", Text: text})
		if !bytes.Equal(was, text) {
			t.Fatal("the source was written to")
		}
		formatted, formatErr := policyfile.Format(policyfile.Source{Name: "a", Text: text})
		if err != nil {
			return
		}
		if formatErr != nil || !bytes.Equal(formatted, file.Text()) {
			t.Fatalf("%v: formatted is\n%s\nparsed is\n%s", formatErr, formatted, file.Text())
		}
		again, err := policyfile.Parse(policyfile.Source{Name: "a", Text: formatted})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Text(), formatted) {
			t.Fatalf("once\n%q\ntwice\n%q", formatted, again.Text())
		}
		if !json.Valid(file.JSON()) || minimal(t, text) != minimal(t, file.JSON()) && bytes.IndexByte(text, '\\') < 0 {
			t.Fatalf("JSON is\n%s", file.JSON())
		}
		if words(t, text) != words(t, formatted) {
			t.Fatalf("a comment is lost:\n%s\n%s", text, formatted)
		}
		for line := range 5 {
			for column := range 30 {
				if at := file.Locate(line, column); at.Line < 1 || at.Column < 1 {
					t.Fatalf("%d:%d is at %v", line, column, at)
				}
			}
		}
		if changes := policyfile.Diff(file, again); len(changes) > 0 {
			t.Fatalf("formatting changes\n%s", policyfile.DiffText(changes))
		}
		if e := between(t, file, again); !e.Empty() {
			t.Fatalf("formatting has effects\n%s", e.Text())
		}
	})
}

// words are the comments of a text without blanks, which formatting changes.
func words(t testing.TB, text []byte) string {
	v, err := hujson.Parse(bytes.Clone(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	collect := func(e hujson.Extra) { all = append(all, bytes.Join(bytes.Fields(e), nil)...) }
	var walk func(v hujson.Value)
	walk = func(v hujson.Value) {
		collect(v.BeforeExtra)
		switch c := v.Value.(type) {
		case *hujson.Object:
			for _, m := range c.Members {
				walk(m.Name)
				walk(m.Value)
			}
			collect(c.AfterExtra)
		case *hujson.Array:
			for _, e := range c.Elements {
				walk(e)
			}
			collect(c.AfterExtra)
		}
		collect(v.AfterExtra)
	}
	walk(v)
	return string(all)
}

// What is joined has all that the files have, and nothing else.
func FuzzParse_joins(f *testing.F) {
	var texts []string
	seed(f, func(text string) { texts = append(texts, text) })
	for i, a := range texts {
		f.Add([]byte(a), []byte(texts[(i+1)%len(texts)]))
		f.Add([]byte(a), []byte("// two\n{}// three\n"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		first, err := policyfile.Parse(policyfile.Source{Name: "a", Text: a})
		second, err2 := policyfile.Parse(policyfile.Source{Name: "b", Text: b})
		both, err3 := policyfile.Parse(policyfile.Source{Name: "a", Text: a}, policyfile.Source{Name: "b", Text: b})
		if err3 != nil {
			return
		}
		if err != nil || err2 != nil {
			t.Fatal("what is no policy was joined")
		}
		again, err := policyfile.Parse(policyfile.Source{Name: "c", Text: both.Text()})
		if err != nil {
			t.Fatalf("%v\n%s", err, both.Text())
		}
		if !bytes.Equal(again.Text(), both.Text()) {
			t.Fatalf("once\n%q\ntwice\n%q", both.Text(), again.Text())
		}
		if got, want := count(t, both), count(t, first)+count(t, second); got > want {
			t.Fatalf("%d values were made of %d", got, want)
		}
		inverse, err := policyfile.Parse(policyfile.Source{Name: "b", Text: b}, policyfile.Source{Name: "a", Text: a})
		if err != nil {
			t.Fatalf("in the other order: %v", err)
		}
		if e := between(t, both, inverse); len(e.Gains)+len(e.Loses) > 0 {
			t.Fatalf("the order has effects:\n%s", e.Text())
		}
	})
}

func count(t testing.TB, f *policyfile.File) (n int) {
	v, err := hujson.Parse(f.Text())
	if err != nil {
		t.Fatal(err)
	}
	for range v.All() {
		n++
	}
	return n
}

func FuzzEffect(f *testing.F) {
	var texts []string
	seed(f, func(text string) { texts = append(texts, text) })
	for i, a := range texts {
		f.Add([]byte(a), []byte(texts[(i+1)%len(texts)]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		old, err := policyfile.Parse(policyfile.Source{Name: "a", Text: a})
		if err != nil {
			return
		}
		new, err := policyfile.Parse(policyfile.Source{Name: "b", Text: b})
		if err != nil {
			return
		}
		there, back := between(t, old, new), between(t, new, old)
		if !reflect.DeepEqual(said2(there.Gains), said2(back.Loses)) || !reflect.DeepEqual(said2(there.Loses), said2(back.Gains)) {
			t.Fatalf("there\n%s\nback\n%s", there.Text(), back.Text())
		}
		if changes := policyfile.Diff(old, new); len(changes) == 0 && !there.Empty() {
			t.Fatalf("there is no difference, but\n%s", there.Text())
		}
		if e := between(t, old, old); !e.Empty() {
			t.Fatalf("from a to a:\n%s", e.Text())
		}
	})
}

func said2(lines []policyfile.Line) (all []string) {
	for _, l := range lines {
		all = append(all, l.String())
	}
	return all
}

// A policy that is cut into files means and says what it did in one.
func TestParse_joinsWhatWasCut(t *testing.T) {
	for n := range uint64(300) {
		r := rand.New(rand.NewPCG(n, 2))
		whole := anyPolicy.policy(r)
		var texts []string
		for _, part := range cut(r, whole) {
			texts = append(texts, part.text())
		}
		joined := mustParse(t, texts...)
		if diff := policyfile.Diff(mustParse(t, whole.text()), joined); len(diff) > 0 {
			t.Fatalf("seed %d:\n%s", n, policyfile.DiffText(diff))
		}
		var got small
		if err := json.Unmarshal(joined.JSON(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Fatalf("seed %d: %s", n, diff)
		}
	}
}

// cut deals the sections of a policy out to three, in their order.
func cut(r *rand.Rand, p small) (parts [3]small) {
	rest := clone(p)
	for i := range parts {
		parts[i] = small{Groups: map[string][]string{}, Hosts: map[string]string{}, IPSets: map[string][]string{}, TagOwners: map[string][]string{}}
		last := i == len(parts)-1
		n, m := r.IntN(len(rest.Grants)+1), r.IntN(len(rest.ACLs)+1)
		if last {
			n, m = len(rest.Grants), len(rest.ACLs)
		}
		parts[i].Grants, rest.Grants = append([]smallGrant{}, rest.Grants[:n]...), slices.Clone(rest.Grants[n:])
		parts[i].ACLs, rest.ACLs = append([]smallACL{}, rest.ACLs[:m]...), slices.Clone(rest.ACLs[m:])
	}
	deal(p.Groups, func() map[string][]string { return parts[r.IntN(len(parts))].Groups })
	deal(p.Hosts, func() map[string]string { return parts[r.IntN(len(parts))].Hosts })
	deal(p.IPSets, func() map[string][]string { return parts[r.IntN(len(parts))].IPSets })
	deal(p.TagOwners, func() map[string][]string { return parts[r.IntN(len(parts))].TagOwners })
	return parts
}

func deal[V any](all map[string]V, to func() map[string]V) {
	for name, value := range all {
		to()[name] = value
	}
}
