package trust_test

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

var (
	seed  = flag.Uint64("seed", 0, "seed of the random pairs of rule and token; 0 is another one each time")
	pairs = flag.Int("pairs", 100_000, "how many there are")
)

// `trust check` and the local tailnet read the rules by code that was written
// apart. Whatever rules and claims there are, both let in the same tokens.
func TestCheck_agreesWithTheLocalTailnet(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("go test -run %s -args -seed=%d", t.Name(), *seed)
	r := random{rand.New(rand.NewPCG(*seed, 0))}
	now := time.Now().Truncate(time.Second)
	letIn := 0
	for compared := 0; compared < *pairs; {
		w, raw := r.pair(now)
		c, err := w.Credential()
		if err != nil { // no credential can be that: TestWish_takesTheClaimsThatTheAPITakes
			continue
		}
		compared++
		checked := checks(t, c, raw, now)
		admitted := admits(t, c, raw, now)
		if checked == nil {
			letIn++
		}
		if (checked == nil) != (admitted == nil) {
			t.Fatalf("a token with the claims\n%s\nfor %+v:\ntrust check: %v\nlocal tailnet: %v", raw, c, checked, admitted)
		}
	}
	t.Logf("%d of %d tokens were let in", letIn, *pairs)
	if letIn < *pairs/10 || letIn > *pairs*9/10 {
		t.Error("so these pairs are no test")
	}
}

// checks is what `trust check` says of a token with these claims.
func checks(t *testing.T, c tsapi.Credential, raw []byte, now time.Time) error {
	t.Helper()
	encoded := base64.RawURLEncoding.EncodeToString
	token, err := idtoken.Parse(encoded([]byte(`{"alg":"RS256"}`)) + "." + encoded(raw) + "." + encoded([]byte("unsigned")))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	findings, err := trust.Check(c, token.Claims.All, now)
	if err != nil {
		t.Fatal(err)
	}
	return trust.Verdict(c, findings)
}

// admits is what the local tailnet says of a good signature's claims.
func admits(t *testing.T, c tsapi.Credential, raw []byte, now time.Time) error {
	t.Helper()
	f := localtailnet.Federation{Issuer: c.Issuer, Subject: c.Subject, Audience: trust.Audience(c), Claims: c.Claims}
	return f.Admits(decode(t, raw), now)
}

// A random makes pairs in which a rule mostly has to do with the claim.
type random struct{ *rand.Rand }

func one[T any](r random, of ...T) T { return of[r.IntN(len(of))] }

// chance holds once in n times.
func (r random) chance(n int) bool { return r.IntN(n) == 0 }

// text is a short one of few letters, so that patterns match now and then.
func (r random) text(letters string, most int) string {
	var text []rune
	for range r.IntN(most + 1) {
		text = append(text, one(r, []rune(letters)...))
	}
	return string(text)
}

const letters = "ab/:*.@%é\n\"\\ "

// pattern is one that a value may match: parts of it became stars, or not.
func (r random) pattern(value string) string {
	var pattern []rune
	for _, letter := range value {
		switch {
		case r.chance(4):
			pattern = append(pattern, '*')
		case r.chance(30):
			pattern = append(pattern, letter, '*')
		case r.chance(60):
			pattern = append(pattern, one(r, []rune(letters)...))
		default:
			pattern = append(pattern, letter)
		}
	}
	if r.chance(40) {
		return string(pattern) + "*"
	}
	return string(pattern)
}

func (r random) pair(now time.Time) (trust.Wish, []byte) {
	claims := map[string]any{"iss": one(r, "https://a.example", "https://a.example/"), "sub": r.text(letters, 6), "aud": r.audience()}
	for _, name := range []string{"exp", "nbf", "iat"} {
		r.time(claims, name, now)
	}
	w := trust.Wish{Name: "x", Scopes: []string{"dns"}, Issuer: claims["iss"].(string), Audience: one(r, "one", "one", "two")}
	w.Subject = r.pattern(claims["sub"].(string))
	for range r.IntN(3) {
		path, value := r.claim(claims)
		w.Claims = append(w.Claims, path+"="+r.pattern(value))
	}
	for _, name := range []string{"iss", "sub", "aud"} {
		if r.chance(40) {
			claims[name] = r.value(2)
		}
	}
	raw, _ := json.Marshal(claims) // it is made of what JSON has
	return w, raw
}

func (r random) audience() any {
	if r.chance(3) {
		return one(r, []any{"one"}, []any{"one", "two"}, []any{"two", "three"}, []any{}, []any{"one", 1})
	}
	return one(r, "one", "one", "one", "two", "")
}

// time is mostly on the right side of now, by more than clocks differ.
func (r random) time(claims map[string]any, name string, now time.Time) {
	away := one(r, 60, 3600) * one(r, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1)
	if name != "exp" {
		away = -away
	}
	switch {
	case r.chance(25):
		claims[name] = one[any](r, nil, 0, -1, "soon", true, "1893456000", []any{1893456000})
	case name == "exp" || !r.chance(3):
		claims[name] = one[any](r, now.Unix()+int64(away), float64(now.Unix()+int64(away))+0.5)
	}
}

// names are those of claims, with what a path may trip over.
var names = []string{"a", "b", "a.b", "", "issuer", "subject", "a b", `q"`, "exp"}

// claim puts a claim somewhere, and returns a path that mostly leads to it, and
// its text if it has one.
func (r random) claim(claims map[string]any) (path, text string) {
	at, depth := claims, 1+r.IntN(3)
	for level := range depth {
		name := one(r, names...)
		path += map[bool]string{true: "", false: "."}[level == 0] + r.written(name)
		if level == depth-1 {
			value := r.value(2)
			at[name] = value
			encoded, _ := json.Marshal(value)
			if text, ok := value.(string); ok {
				return path, text
			}
			return path, string(encoded)
		}
		inside, ok := at[name].(map[string]any)
		if !ok {
			inside = map[string]any{}
			at[name] = inside
		}
		at = inside
	}
	return path, ""
}

// written is a name as it stands in a path: sometimes without the quotes that
// it needs.
func (r random) written(name string) string {
	if r.chance(3) || name == "a.b" && !r.chance(4) {
		return `"` + name + `"`
	}
	return name
}

func (r random) value(deep int) any {
	switch r.IntN(12) {
	case 0:
		return one[any](r, true, false, nil)
	case 1:
		return one[any](r, 0, 17, -1, 1.5, int64(7000000001), json.Number("1e21"), json.Number("12345678901234567890"), json.Number("1.0"), json.Number("1E2"))
	case 2:
		if deep > 0 {
			return []any{r.value(deep - 1)}
		}
	case 3:
		if deep > 0 {
			return map[string]any{one(r, names...): r.value(deep - 1)}
		}
	}
	return r.text(letters, 5)
}
