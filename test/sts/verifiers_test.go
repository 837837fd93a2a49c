//go:build linux

package sts

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/verifiers"
)

const lifetime = 5 * time.Minute

// audience is the one whose tokens have this algorithm.
func audience(algorithm string) string {
	return "https://" + strings.ToLower(algorithm) + ".example.com"
}

// everyAlgorithm is a configuration that signs with each of them.
func everyAlgorithm() string {
	config := "tokens:\n  audiences:\n"
	for _, algorithm := range keyring.Algorithms() {
		config += fmt.Sprintf("    - { match: %q, algorithm: %s }\n", audience(algorithm), algorithm)
	}
	return config
}

// The program of a release gives out tokens; whoever verifies them has nothing but the address of the issuer. One of them is not
// written in Go.
func TestTokens_areAcceptedByOthersAndNotWhenAnythingIsWrong(t *testing.T) {
	s := serve(t, everyAlgorithm(), "https://*.example.com")
	old := map[string]verifiers.Claim{}
	for _, algorithm := range keyring.Algorithms() {
		old[algorithm] = s.claim(algorithm)
		s.verify(verifiers.Cases(t, old[algorithm], lifetime))
	}

	s.run("keys", "rotate", "--force")
	fresh := map[string]verifiers.Claim{}
	for algorithm, claim := range old {
		s.await("another key signs with "+algorithm, func() bool {
			fresh[algorithm] = s.claim(algorithm)
			return header(fresh[algorithm]) != header(claim)
		})
	}
	s.verify(cases("of a key that retires", old, true))
	s.verify(cases("of the key after it", fresh, true))

	s.ageRetired(lifetime + 2*time.Minute) // the overlap, and more
	s.await("the retired keys are gone", func() bool { return len(s.published()) == 2*len(old) })
	s.verify(cases("of a key that was retired long ago", old, false))
	s.verify(cases("of the key that signs", fresh, true))

	s.run("keys", "rotate", "--leaked")
	before := s.published()
	s.await("the leaked keys are gone", func() bool { return !maps.Equal(before, s.published()) })
	s.verify(cases("of a key that leaked", fresh, false))
}

func header(c verifiers.Claim) string {
	header, _, _ := strings.Cut(c.Token, ".")
	return header
}

func cases(name string, claims map[string]verifiers.Claim, good bool) (all []verifiers.Case) {
	for algorithm, claim := range claims {
		all = append(all, verifiers.Case{Name: algorithm + ", " + name, Claim: claim, Good: good})
	}
	return all
}

// claim is that of a new token.
func (s *service) claim(algorithm string) verifiers.Claim {
	s.t.Helper()
	c := verifiers.Claim{Issuer: s.URL, Audience: audience(algorithm)}
	var err error
	if c.Token, err = s.Token(s.t.Context(), c.Audience); err != nil {
		s.t.Fatal(err)
	}
	c.At = time.Now() // not before it was issued
	return c
}

// verify has everybody look at every case.
func (s *service) verify(cases []verifiers.Case) {
	s.t.Helper()
	var claims []verifiers.Claim
	for _, c := range cases {
		claims = append(claims, c.Claim)
		for name, verify := range verifiers.All {
			s.compare(name, c, verify(s.t.Context(), c.Claim))
		}
	}
	for i, err := range jose(s.t, claims) {
		s.compare("jose", cases[i], err)
	}
}

func (s *service) compare(verifier string, c verifiers.Case, err error) {
	s.t.Helper()
	if (err == nil) != c.Good {
		s.t.Errorf("%s, a token for %s that is %s: %v", verifier, c.Audience, c.Name, err)
	}
}

// published are the names of the keys that a verifier finds.
func (s *service) published() map[string]bool {
	s.t.Helper()
	var set struct{ Keys []struct{ Kid string } }
	s.json("/.well-known/jwks.json", &set)
	names := map[string]bool{}
	for _, k := range set.Keys {
		names[k.Kid] = true
	}
	return names
}

// ageRetired has the retired keys of the store be retired for longer, as if that time had passed.
func (s *service) ageRetired(by time.Duration) {
	s.t.Helper()
	raw, err := os.ReadFile(s.Keys())
	if err != nil {
		s.t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(raw, &document); err != nil {
		s.t.Fatal(err)
	}
	aged := 0
	for _, key := range document["keys"].([]any) {
		key := key.(map[string]any)
		if at, err := time.Parse(time.RFC3339, fmt.Sprint(key["retired"])); err == nil {
			key["retired"], key["seen"] = at.Add(-by), at.Add(-by)
			aged++
		}
	}
	if raw, err = json.Marshal(document); err == nil {
		err = os.WriteFile(s.Keys(), raw, 0o600)
	}
	if err != nil || aged == 0 {
		s.t.Fatalf("%d keys were retired: %v", aged, err)
	}
}
