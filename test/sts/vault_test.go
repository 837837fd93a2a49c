//go:build linux

package sts

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/sts/verifiers"
)

// The variables by which the process that builds Vault's plugin tells the isolated one where it is, or why it is not.
const vaultAt, vaultMissing = "TAILJOIN_TEST_VAULT", "TAILJOIN_TEST_VAULT_MISSING"

type verdict struct {
	Refused, Alias string
	Policies       []string
	TTL            time.Duration
}

// vault has Vault's own plugin decide on tokens.
func vault(t *testing.T, config, role map[string]any, tokens ...string) (verdicts []verdict) {
	t.Helper()
	if reason := os.Getenv(vaultMissing); reason != "" {
		t.Skip("Vault's plugin is not to be had: ", reason)
	}
	in, err := json.Marshal(map[string]any{"config": config, "role": role, "tokens": tokens})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Getenv(vaultAt))
	var words bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &words
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &verdicts)
	}
	if err != nil || len(verdicts) != len(tokens) {
		t.Fatalf("%v\n%s%s", err, out, words.Bytes())
	}
	return verdicts
}

// vaultRecipe is what the page writes to Vault, but for the issuer.
func vaultRecipe(t *testing.T, issuer string) (config, role map[string]any) {
	t.Helper()
	commands := sample(t, "Vault", "sh", "vault auth enable")
	config = map[string]any{}
	for _, pair := range strings.Fields(regexp.MustCompile(`(?m)^vault write auth/tailnet/config (.*)$`).FindStringSubmatch(commands)[1]) {
		name, value, _ := strings.Cut(pair, "=")
		config[name] = strings.ReplaceAll(value, "https://sts.example.ts.net", issuer)
	}
	_, text, _ := strings.Cut(commands, "<<'ROLE'\n")
	text, _, _ = strings.Cut(text, "ROLE\n")
	if err := json.Unmarshal([]byte(text), &role); err != nil {
		t.Fatal(err)
	}
	return config, role
}

func TestVault_letsInWhomTheRoleMeans(t *testing.T) {
	r := recipeFor(t, "Vault")
	s := serve(t, r.tokens, r.audiences...)
	config, role := vaultRecipe(t, s.URL)
	good := verifiers.Claim{Issuer: s.URL, Audience: r.audiences[0]}
	var err error
	if good.Token, err = s.Token(t.Context(), good.Audience); err != nil {
		t.Fatal(err)
	}
	good.At = time.Now()
	var cases []verifiers.Case
	var tokens []string
	for _, c := range verifiers.Cases(t, good, lifetime) {
		if c.At.Equal(good.At) && c.Audience == good.Audience { // Vault has its own clock, and the role its audience
			cases, tokens = append(cases, c), append(tokens, c.Token)
		}
	}
	for i, got := range vault(t, config, role, tokens...) {
		if (got.Refused == "") != cases[i].Good {
			t.Errorf("a token that is %s: %+v", cases[i].Name, got)
		}
		if want := (verdict{Alias: subject(t, good.Token), Policies: []string{"web"}, TTL: 15 * time.Minute}); cases[i].Good {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
	if len(cases) < 4 {
		t.Errorf("only %d cases", len(cases))
	}
	for name, value := range map[string]any{
		"bound_audiences": []string{"https://other.example.ts.net"},
		"bound_claims":    map[string]any{"/italypaleale.me~1tsiam/tags": []string{"tag:db"}},
		"bound_subject":   "nOTHERCNTRL",
	} {
		before := role[name]
		role[name] = value
		if got := vault(t, config, role, good.Token)[0]; got.Refused == "" {
			t.Errorf("a role with %s %v lets it in", name, value)
		}
		role[name] = before
	}
}

func subject(t *testing.T, token string) string {
	t.Helper()
	var claims struct{ Sub string }
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims.Sub
}
