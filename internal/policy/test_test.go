package policy_test

import (
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// broken opens what the test in line 12 of base forbids.
var broken = strings.Replace(base, `"tcp:5432"]`, `"tcp:5432", "tcp:22"]`, 1)

func TestTest_findsTheTestThatFails(t *testing.T) {
	tm := newTeam(t)
	tm.write(broken)
	tailnet, plan := tm.look()
	_, err := tailnet.Test(t.Context(), plan)
	p := wantCode(t, err, "policy-test-failed", "want: Drop, got: Accept")
	line, column := find(broken, `"tag:db:22"`)
	wantPlaces(t, p.Places, diag.Place{File: tm.name("policy.hujson"), Line: line, Column: column, Text: `tag:ci: address "tag:db:22": want: Drop, got: Accept`})
	// An apply is refused by Tailscale itself, with the same words.
	_, err = tailnet.Apply(t.Context(), plan, tm.memory)
	q := wantCode(t, err, "policy-test-failed")
	wantPlaces(t, q.Places, p.Places...)
	tm.wantLive(base)
}

// The test is one of several, in another file, badly formatted.
func TestTest_findsItInTheFileThatItComesFrom(t *testing.T) {
	tm := newTeam(t)
	rules, _, _ := strings.Cut(base, "\t\"tests\"")
	tests := "// The tests.\n{  \"tests\": [{\"src\":\"tag:db\",\"deny\":[\"tag:ci:22\"]},\n\n   {\"src\":\"tag:ci\",  \"accept\":[\"tag:db:5432\"],\"deny\":[\"tag:db:22\"]}]}"
	tm.write(strings.Replace(rules, `"tcp:5432"]`, `"tcp:22"]`, 1)+"}", tests)
	tailnet, plan := tm.look()
	_, err := tailnet.Test(t.Context(), plan)
	p := wantCode(t, err, "policy-test-failed")
	var want []diag.Place
	for _, address := range []string{"tag:db:5432", "tag:db:22"} {
		line, column := find(tests, `"`+address+`"`)
		how := map[string]string{"tag:db:5432": "want: Accept, got: Drop", "tag:db:22": "want: Drop, got: Accept"}[address]
		want = append(want, diag.Place{File: tm.name("policy/b.hujson"), Line: line, Column: column, Text: `tag:ci: address "` + address + `": ` + how})
	}
	wantPlaces(t, p.Places, want...)
}

func TestTest_runsAlsoIfNothingChanged(t *testing.T) {
	tm := newTeam(t)
	tm.write(base)
	tailnet, plan := tm.look()
	if _, err := tailnet.Test(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	tm.fault(failingValidation)
	_, err := tailnet.Test(t.Context(), plan)
	wantCode(t, err, "policy-test-failed")
}

// What the API refuses has a line of what it was sent, which is formatted.
func TestTest_mapsALineOfTheAPIToTheFile(t *testing.T) {
	tm := newTeam(t)
	odd := "{\"tagOwners\":{\"tag:ci\":[\"autogroup:admin\"]},\n\n\n\"grants\":[{\"src\":[\"tag:ci\"],\"dst\":[\"tag:dbb\"],\"ip\":[\"*\"]}]}"
	tm.write(odd)
	tailnet, plan := tm.look()
	_, err := tailnet.Test(t.Context(), plan)
	p := wantCode(t, err, "policy-refused", "tag:dbb")
	if len(p.Places) != 1 || p.Places[0].Line != 4 || p.Places[0].File != tm.name("policy.hujson") {
		t.Errorf("places %v, want line 4\n%s", p.Places, p.Text())
	}
}

func TestTest_takesWarningsForWarnings(t *testing.T) {
	tm := newTeam(t)
	tm.write(base)
	tailnet, plan := tm.look()
	tm.fault(warningValidation)
	warnings, err := tailnet.Test(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	line, column := find(base, `"tag:db"`)
	wantPlaces(t, warnings, diag.Place{File: tm.name("policy.hujson"), Line: line, Column: column, Text: "tag:db: it is not synced"})
}

// Nobody is asked about what is no policy.
func TestParse_sendsNothingOfWhatIsNoPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"empty":       {"", 1},
		"blank":       {"\n \n", 1},
		"not HuJSON":  {"{\n\t\"grants\": [}\n", 2},
		"a list":      {"\n[]", 2},
		"key twice":   {"{\n\"hosts\": {},\n\"hosts\": {\"a\": \"b\"}}", 3},
		"a merge":     {"{\n<<<<<<< HEAD\n}", 2},
		"binary":      {"\x00\x01", 1},
		"cut in half": {base[:len(base)/2], 9},
	} {
		tm := newTeam(t)
		tm.write(c.text)
		_, err := parse(tm.path)
		p := diag.As(err)
		if err == nil || p.Code != "policy-invalid" || !p.Input || len(p.Places) == 0 || p.Places[0].File != tm.name("policy.hujson") {
			t.Errorf("%s: %v", name, err)
		} else if p.Places[0].Line != c.line || p.Places[0].Column < 1 {
			t.Errorf("%s: at %v, want line %d", name, p.Places[0], c.line)
		}
	}
}
