package verifiers

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A Case is a token, and what a verifier has to say of it.
type Case struct {
	Name string
	Claim
	Good bool
}

// Cases are a good token at the time at which it was made, and what becomes of
// it: one thing wrong in each.
func Cases(t *testing.T, good Claim, lifetime time.Duration) []Case {
	t.Helper()
	cases := []Case{
		{"good", good, true},
		{"just good", good, true},
		{"expired", good, false},
		{"for another audience", good, false},
		{"changed", good, false},
		{"signed by nobody", good, false},
		{"without its signature", good, false},
	}
	cases[1].At = good.At.Add(lifetime - 2*time.Second)
	cases[2].At = good.At.Add(lifetime + time.Second)
	cases[3].Audience = "https://other.example.com"
	cases[4].Token = changed(t, good.Token)
	cases[5].Token = unsigned(good.Token)
	cases[6].Token = good.Token[:strings.LastIndexByte(good.Token, '.')+1]
	return cases
}

// changed is the token of another subject, with the signature of the first.
func changed(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	claims := map[string]any{}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil || claims["sub"] == nil {
		t.Fatalf("no subject in %s: %v", payload, err)
	}
	claims["sub"] = fmt.Sprint(claims["sub"], "2")
	if payload, err = json.Marshal(claims); err != nil {
		t.Fatal(err)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString(payload)
	return strings.Join(parts, ".")
}

// unsigned is a token that says of itself that it needs no signature.
func unsigned(token string) string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	return header + "." + strings.Split(token, ".")[1] + "."
}
