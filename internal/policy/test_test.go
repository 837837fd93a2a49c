package policy_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
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

// Some answers name a line, of what the API was sent, which is formatted. The
// problem names the one in the file instead, and no other.
func TestTest_mapsALineOfTheAPIToTheFile(t *testing.T) {
	tm := newTeam(t)
	tm.write("{\"tagOwners\":{\"tag:ci\":[\"autogroup:admin\"]},\n\n\n\n\"grants\":[],\n\"Owners\":{}}")
	tailnet, plan := tm.look()
	for doing, try := range map[string]func() error{
		"validating": func() error { _, err := tailnet.Test(t.Context(), plan); return err },
		"applying":   func() error { _, err := tailnet.Apply(t.Context(), plan, tm.memory); return err },
	} {
		p := wantCode(t, try(), "policy-refused", `unknown field "Owners"`)
		wantPlaces(t, p.Places, diag.Place{File: tm.name("policy.hujson"), Line: 6, Column: 1, Text: `unknown field "Owners"`})
		if text := p.Text(); strings.Contains(text, "column") || strings.Count(text, "unknown field") != 2 {
			t.Errorf("%s: another place is named, too:\n%s", doing, text)
		}
	}
}

// Most answers name no line, but what is wrong.
func TestTest_findsWhatTheAPIQuotes(t *testing.T) {
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

// A refusal may have findings and be about no test.
func TestTest_tellsRefusalsFromTestsThatFail(t *testing.T) {
	for message, want := range map[string]struct {
		code string
		line int
	}{
		"test(s) failed": {"policy-test-failed", 12}, "setting policy": {"policy-refused", 4}, `src=tag not found: "tag:ci"`: {"policy-refused", 4},
	} {
		tm := newTeam(t)
		tm.write(wider)
		tailnet, plan := tm.look()
		body := `{"message": ` + strconv.Quote(message) + `, "data": [{"user": "tag:ci", "errors": ["tag not found: \"tag:ci\""]}]}`
		for _, status := range []int{200, 400} {
			tm.fault(localtailnet.Fault{Method: "POST", Status: status, Body: body, Times: 1})
			_, err := tailnet.Test(t.Context(), plan)
			if p := wantCode(t, err, want.code); len(p.Places) != 1 || p.Places[0].Line != want.line {
				t.Errorf("%s: places %v, want line %d", message, p.Places, want.line)
			}
		}
	}
}

// An API without validation, such as headscale's, has the tailnet all the same.
func TestTest_saysThatTheAPIDoesNotValidate(t *testing.T) {
	for _, status := range []int{404, 405} {
		tm := newTeam(t)
		tm.write(wider)
		tailnet, plan := tm.look()
		tm.fault(localtailnet.Fault{Method: "POST", Status: status, Body: "404 page not found"})
		_, err := tailnet.Test(t.Context(), plan)
		wantCode(t, err, "no-validation", "action: diff")
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
