package spec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// An Expectation is one line of what a trust credential demands of an ID
// token: the name "issuer", "subject", "audience" or that of a claim, and what
// its value must be. In the subject and in claims a * stands for any text, as
// in Matches; issuer and audience are taken literally.
type Expectation struct{ Name, Pattern string }

// fields are the three that a credential always has, by the claims that hold
// them.
var fields = map[string]string{"iss": "issuer", "sub": "subject", "aud": "audience"}

// Expectations reads lines of the form NAME=PATTERN. Empty ones do not count.
func Expectations(lines []string) ([]Expectation, error) {
	var wanted []Expectation
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		e, ok := parseExpectation(line)
		if !ok {
			return nil, diag.Input(fmt.Sprintf("expectation %q is not NAME=PATTERN", line),
				"name issuer, subject, audience or a claim, and what its value must be; a * stands for any text:\n"+
					"  subject=repo:acme/web:*   environment=production   user.name=alice   '\"a.dotted/name\"=x'")
		}
		wanted = append(wanted, e)
	}
	return wanted, nil
}

func parseExpectation(line string) (Expectation, bool) {
	name, pattern, ok := CutRule(line)
	return Expectation{cmp.Or(fields[name], name), pattern}, ok
}

// CutRule reads a rule for a claim, NAME=PATTERN. A = in quotes belongs to the
// name.
func CutRule(line string) (name, pattern string, ok bool) {
	from := 0
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		from = strings.Index(quoted, `"`) + 1
	}
	i := strings.Index(line[from:], "=")
	if i < 0 {
		return "", "", false
	}
	name, pattern = strings.TrimSpace(line[:from+i]), strings.TrimSpace(line[from+i+1:])
	return name, pattern, name != ""
}

// A Finding is an expectation beside what a token says.
type Finding struct {
	Expectation
	Found string // the claim's value; a list or object as JSON; "" if it is not there
	There bool   // the token has the claim
	OK    bool
	Note  string // what the difference probably comes from; mostly ""
}

// Compare holds a token's claims against each expectation.
func Compare(wanted []Expectation, claims map[string]any) []Finding {
	var findings []Finding
	for _, e := range wanted {
		findings = append(findings, e.compare(claims))
	}
	return findings
}

// Differ reports that one of the findings is not as expected.
func Differ(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return !f.OK })
}

func (e Expectation) compare(claims map[string]any) Finding {
	rule, special := rules[e.Name]
	if !special {
		rule = named{claim: e.Name, holds: matchesText, note: dotted}
	}
	value := Claim(claims, rule.claim)
	f := Finding{Expectation: e, Found: show(value), There: value != nil}
	if f.OK = value != nil && rule.holds(e.Pattern, value); !f.OK && rule.note != nil {
		f.Note = rule.note(e, f.Found, claims)
	}
	return f
}

// A named rule says how one name is compared.
type named struct {
	claim string
	holds func(pattern string, value any) bool
	note  func(e Expectation, found string, claims map[string]any) string
}

var rules = map[string]named{
	"issuer":   {"iss", func(want string, value any) bool { return value == want }, slash},
	"subject":  {"sub", matchesString, form},
	"audience": {"aud", isAmong, resembling},
}

func matchesText(pattern string, value any) bool {
	text, ok := ClaimText(value)
	return ok && Matches(pattern, text)
}

// matchesString: a subject is a string (RFC 7519, section 4.1.2).
func matchesString(pattern string, value any) bool {
	subject, ok := value.(string)
	return ok && subject != "" && Matches(pattern, subject)
}

// isAmong: a token's audience is a string or a list of them (RFC 7519, section 4.1.3).
func isAmong(want string, value any) bool {
	list, ok := value.([]any)
	if !ok {
		return value == want
	}
	odd := func(v any) bool { _, ok := v.(string); return !ok }
	return slices.Contains(list, any(want)) && !slices.ContainsFunc(list, odd)
}

// show is a claim for people.
func show(value any) string {
	if value == nil {
		return ""
	}
	if text, ok := ClaimText(value); ok {
		return text
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(encoded)
}

func slash(e Expectation, found string, _ map[string]any) string {
	short, long := strings.TrimSuffix(e.Pattern, "/"), strings.TrimSuffix(found, "/")
	switch {
	case short == long:
		return "they differ in the / at the end only"
	case strings.EqualFold(short, long):
		return "they differ in upper and lower case only"
	case strings.HasPrefix(long, short+"/"):
		return "the token's has " + strings.TrimPrefix(long, short) + " at its end, which belongs to it"
	case strings.HasPrefix(short, long+"/"):
		return "the token's ends before " + strings.TrimPrefix(short, long)
	}
	return ""
}

// resembling tells audiences apart that differ in little.
func resembling(e Expectation, found string, _ map[string]any) string {
	plain := func(audience string) string {
		_, rest, _ := strings.Cut("://"+strings.TrimPrefix(audience, "https://"), "://")
		return strings.TrimSuffix(rest, "/")
	}
	switch {
	case plain(e.Pattern) == plain(found):
		return "they differ in https:// or a / at the end only"
	case strings.EqualFold(e.Pattern, found):
		return "they differ in upper and lower case only"
	}
	return ""
}

// dotted: an unquoted dot reaches into an object.
func dotted(e Expectation, _ string, claims map[string]any) string {
	if _, ok := claims[e.Name]; ok && strings.Contains(e.Name, ".") {
		return `quote a name that has dots: "` + e.Name + `"`
	}
	return ""
}

// form tells GitHub's two forms of a subject apart.
func form(e Expectation, found string, _ map[string]any) string {
	was, wanted := NameOnly(found), NameOnly(e.Pattern)
	switch {
	case !strings.HasSuffix(e.Pattern, "*") && strings.HasPrefix(found, strings.TrimSuffix(e.Pattern, ":")+":"):
		return "a subject must match as a whole: for all that begin so, write " + strings.TrimSuffix(e.Pattern, ":") + ":*"
	case strings.EqualFold(e.Pattern, found):
		return "they differ in upper and lower case only"
	case was != "" && Matches(e.Pattern, was):
		return "the token has GitHub's immutable form, with numbers; expected is the old one"
	case wanted != "" && Matches(wanted, found):
		return "expected is GitHub's immutable form, with numbers; the token still has the old one"
	}
	return ""
}
