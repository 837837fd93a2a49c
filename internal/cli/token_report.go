package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// A report is what `tailjoin token inspect` says of a token. Neither the token
// nor its signature is in it.
type report struct {
	Algorithm string   `json:"algorithm"`
	KeyID     string   `json:"keyID"`
	Issuer    string   `json:"issuer"`
	Subject   string   `json:"subject"`
	Audience  []string `json:"audience"`

	IssuedAt  time.Time `json:"issuedAt,omitzero"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`
	Lifetime  int       `json:"lifetime,omitempty"` // seconds

	Verified     bool           `json:"verified"`
	Verification string         `json:"verification"`
	Claims       map[string]any `json:"claims"`
	Compared     []compared     `json:"compared,omitempty"`
}

// A compared is an expectation beside what was found.
type compared struct {
	Name     string `json:"name"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
	OK       bool   `json:"ok"`
	Note     string `json:"note,omitempty"`
}

func newReport(token idtoken.Token, v verdict, findings []spec.Finding) report {
	c, header := token.Claims, token.Header()
	r := report{
		Algorithm: header.Algorithm, KeyID: header.KeyID,
		Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience,
		IssuedAt: c.Time("iat"), NotBefore: c.Time("nbf"), Expires: c.Time("exp"),
		Verified: v.verified, Verification: v.words, Claims: c.All,
	}
	if !r.IssuedAt.IsZero() && !r.Expires.IsZero() {
		r.Lifetime = int(r.Expires.Sub(r.IssuedAt).Seconds())
	}
	for _, f := range findings {
		r.Compared = append(r.Compared, compared{f.Name, f.Pattern, f.Found, f.OK, f.Note})
	}
	return r
}

// reports are the ways to print one.
var reports = map[string]func(*front, report) error{"text": (*front).reportText, "json": (*front).reportJSON}

func (f *front) reportJSON(r report) error { return f.writeJSON(r) }

func (f *front) reportText(r report) error {
	rows := [][]string{
		{"algorithm", r.Algorithm}, {"key", r.KeyID}, {"issuer", r.Issuer}, {"subject", r.Subject}, {"audience", strings.Join(r.Audience, ", ")},
		{"issued", moment(r.IssuedAt)}, {"not before", moment(r.NotBefore)}, {"expires", moment(r.Expires)},
		{"lifetime", (time.Duration(r.Lifetime) * time.Second).String()}, {"verified", r.Verification}, {}, {"claims"},
	}
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		rows = append(rows, []string{"  " + name, claimText(r.Claims[name])})
	}
	f.writeTable(rows)
	if len(r.Compared) == 0 {
		return nil
	}
	rows = [][]string{{}, {"name", "found", "expected", ""}}
	for _, c := range r.Compared {
		rows = append(rows, []string{c.Name, cmp.Or(c.Found, "(none)"), c.Expected, strings.TrimSpace(results[c.OK] + " " + c.Note)})
	}
	f.writeTable(rows)
	return nil
}

var results = map[bool]string{true: "ok", false: "DIFFERS"}

// moment is a time, and how far that is from now.
func moment(at time.Time) string {
	if at.IsZero() {
		return "(none)"
	}
	away := time.Until(at).Round(time.Second)
	if away >= 0 {
		return fmt.Sprintf("%s, in %v", at.Format(time.RFC3339), away)
	}
	return fmt.Sprintf("%s, %v ago", at.Format(time.RFC3339), -away)
}
