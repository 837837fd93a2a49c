package policyfile

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// nothing is a policy that allows nothing.
const nothing = `{"grants": []}`

// largePolicies are pairs of policies: some of a large tailnet, and some that are
// made to take long.
func largePolicies() map[string][2]string {
	all := map[string][2]string{}
	grants := func(n int, f func(i int) string) string {
		var b strings.Builder
		b.WriteString(`"grants": [`)
		for i := range n {
			b.WriteString(f(i) + ",\n")
		}
		return b.String() + "]"
	}
	groups := func(g, m, users int) string {
		var b strings.Builder
		b.WriteString(`"groups": {`)
		for i := range g {
			fmt.Fprintf(&b, `"group:g%d": [`, i)
			for j := range m {
				fmt.Fprintf(&b, `"u%d@x.com",`, (i*7+j*13)%users)
			}
			b.WriteString("],\n")
		}
		return b.String() + "},"
	}
	honest := func(port int) func(i int) string {
		return func(i int) string {
			return fmt.Sprintf(`{"src":["group:g%d","group:g%d"],"dst":["tag:t%d","10.%d.%d.0/24"],"ip":["tcp:%d"]}`, i%200, i*31%200, i%900, i/256, i%256, port+i%50)
		}
	}
	base := "{" + groups(200, 20, 600)
	old := base + grants(3000, honest(1000)) + "}"
	all["honest, one of 3000 changed"] = [2]string{old, strings.Replace(old, `"10.5.7.0/24"],"ip":["tcp:`, `"10.5.7.0/24"],"ip":["udp:`, 1)}
	all["honest, 3000 replaced"] = [2]string{old, base + grants(3000, honest(5000)) + "}"}
	mixed := func(port int) func(i int) string {
		return func(i int) string {
			switch i % 10 {
			case 0:
				return fmt.Sprintf(`{"src":["autogroup:member"],"dst":["tag:t%d"],"ip":["tcp:%d"]}`, i%900, port+i%50)
			case 1:
				return fmt.Sprintf(`{"src":["group:g%d"],"dst":["*"],"ip":["tcp:%d"]}`, i%200, port+i%50)
			case 2:
				return fmt.Sprintf(`{"src":["*"],"dst":["tag:t%d"],"ip":["%d"]}`, i%900, port+i%50)
			}
			return honest(port)(i)
		}
	}
	all["mixed wide, 3000 replaced"] = [2]string{base + grants(3000, mixed(1000)) + "}", base + grants(3000, mixed(5000)) + "}"}
	all["own tags, 3000 replaced"] = [2]string{"{" + grants(3000, func(i int) string {
		return fmt.Sprintf(`{"src":["tag:s%d"],"dst":["tag:t%d"],"ip":["tcp:%d"]}`, i, i, i)
	}) + "}", "{" + grants(3000, func(i int) string {
		return fmt.Sprintf(`{"src":["tag:s%d"],"dst":["tag:t%d"],"ip":["tcp:%d"]}`, i, i, i+1)
	}) + "}"}
	of := func(src string) func(int) string {
		return func(i int) string {
			return fmt.Sprintf(`{"src":["%s"],"dst":["tag:t%d"],"ip":["tcp:22"]}`, strings.Replace(src, "%", fmt.Sprint(i/250, ".", i%250), 1), i)
		}
	}
	all["addresses, 2000 replaced"] = [2]string{"{" + grants(2000, of("100.64.%")) + "}", "{" + grants(2000, of("100.65.%")) + "}"}
	all["tags instead of addresses"] = [2]string{"{" + grants(1500, of("100.64.%")) + "}", "{" + grants(1500, of("tag:ci")) + "}"}
	all["hostile, 500 grants with tags"] = [2]string{nothing, "{" + grants(500, func(i int) string {
		return fmt.Sprintf(`{"src":["tag:a%d"],"dst":["tag:b%d"],"ip":["%d"]}`, i, i, 1+2*i)
	}) + "}"}
	all["hostile, 500 nested ranges"] = [2]string{nothing, "{" + grants(500, func(i int) string {
		return fmt.Sprintf(`{"src":["1.1.%d.%d-2.0.0.0"],"dst":["1.1.%d.%d-2.0.0.0"],"ip":["%d"]}`, i/256, i%256, i/256, i%256, 1+2*i)
	}) + "}"}
	all["hostile, 500 nested ranges replaced"] = [2]string{"{" + grants(500, func(i int) string {
		return fmt.Sprintf(`{"src":["1.1.%d.%d-2.0.0.0"],"dst":["1.1.%d.%d-2.0.0.0"],"ip":["%d"]}`, i/256, i%256, i/256, i%256, 2+2*i)
	}) + "}", all["hostile, 500 nested ranges"][1]}
	all["hostile, nested ranges and ports"] = [2]string{nothing, "{" + grants(400, func(i int) string {
		return fmt.Sprintf(`{"src":["1.1.%d.%d-2.0.0.0"],"dst":["1.1.%d.%d-2.0.0.0"],"ip":["%d-%d"]}`, i/256, i%256, i/256, i%256, i, 60000-i)
	}) + "}"}
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"u%d@x.y",`, i)
		}
		return b.String()
	}
	all["hostile, 8000 names"] = [2]string{nothing, `{"grants":[{"src":[` + names(8000) + `],"dst":[` + names(8000) + `],"ip":["*"]}]}`}
	all["hostile, 8000 names, two rules"] = [2]string{nothing, `{"grants":[{"src":[` + names(8000) + `],"dst":["*"],"ip":["*"]},{"dst":[` + names(4000) + `],"src":["*"],"ip":["22"]}]}`}
	all["hostile, 8000 stars"] = [2]string{"{" + grants(1, func(int) string { return `{"src":[` + names(8000) + `],"dst":["*"],"ip":["*"]}` }) + "}", "{" + grants(1, func(int) string { return `{"src":[` + strings.Repeat(`"*",`, 8000) + `],"dst":["*"],"ip":["*"]}` }) + "}"}
	var nested, double strings.Builder
	for i := range 8000 {
		fmt.Fprintf(&nested, `"group:%d":["group:%d","u%d@x.y"],`, i, i+1, i)
	}
	for i := range 60 {
		fmt.Fprintf(&double, `"group:%d":["group:%d","group:%d","?%d"],`, i, i+1, i+1, i)
	}
	all["hostile, nested groups"] = [2]string{nothing, `{"groups":{` + nested.String() + `},"grants":[{"src":["group:0"],"dst":["*"],"ip":["*"]}]}`}
	all["hostile, unused nested groups"] = [2]string{nothing, `{"groups":{` + nested.String() + `},"grants":[{"src":["*"],"dst":["*"],"ip":["*"]}]}`}
	all["hostile, doubling groups"] = [2]string{nothing, `{"groups":{` + double.String() + `},"grants":[{"src":["group:0"],"dst":["*"],"ip":["*"]}]}`}
	all["hostile, 2500 domains"] = [2]string{nothing, "{" + grants(1, func(int) string {
		var b strings.Builder
		for i := range 2500 {
			fmt.Fprintf(&b, `"user:*@%d.y",`, i)
		}
		return `{"src":[` + b.String() + `],"dst":["*"],"ip":["*"]}`
	}) + "}"}
	all["hostile, 3000 addresses"] = [2]string{nothing, "{" + grants(1, func(int) string {
		var b strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&b, `"10.0.%d.%d",`, i/128, 2*(i%128))
		}
		return `{"src":[` + b.String() + `],"dst":["*"],"ip":["*"]}`
	}) + "}"}
	all["hostile, ports"] = [2]string{nothing, "{" + grants(1, func(int) string {
		var b strings.Builder
		for i := range 4000 {
			fmt.Fprintf(&b, `"%d",`, 2*i)
		}
		return `{"src":["*"],"dst":["*"],"ip":[` + b.String() + `]}`
	}) + "}"}
	all["hostile, ip protocols"] = [2]string{nothing, "{" + grants(100, func(i int) string {
		return fmt.Sprintf(`{"src":["1.1.%d.%d-2.0.0.0"],"dst":["1.1.%d.%d-2.0.0.0"],"ip":["%d:*","%d","tcp:%d-%d","132:%d"]}`, i/256, i%256, i/256, i%256, 1+i*2, i*9, i*8, 65000-i, i*3)
	}) + "}"}
	acl := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"1.1.%d.%d-2.0.0.0:%d",`, i/256, i%256, i)
		}
		return b.String()
	}
	all["hostile, an ACL of many"] = [2]string{nothing, `{"acls":[{"action":"accept","src":["*"],"dst":[` + acl(1000) + `]}]}`}
	all["hostile, exceptions"] = [2]string{nothing, "{" + grants(300, func(i int) string {
		return fmt.Sprintf(`{"src":["*"],"dst":["tag:%d"],"ip":["%d"]},{"dst":["*"],"src":["tag:%d"],"ip":["%d"]}`, i, 2*i, i, 2*i+1)
	}) + "}"}
	return all
}

// What a comparison costs is bounded, in both directions. The comparison of a large tailnet
// is far from the bound.
func TestEffect_staysInItsBudget(t *testing.T) {
	for name, texts := range largePolicies() {
		t.Run(name, func(t *testing.T) {
			old, new := parseText(t, texts[0]), parseText(t, texts[1])
			for _, pair := range [][2]*File{{old, new}, {new, old}} {
				steps := mostSteps / 8
				if !strings.HasPrefix(name, "hostile") {
					steps = mostSteps
				}
				b := newBudget(t.Context(), steps)
				effect(b, pair[0], pair[1])
				if used := steps - b.left; used > steps*5/4 {
					t.Errorf("it took %d steps, want %d at most", used, steps)
				}
				if steps == mostSteps && b.err != nil {
					t.Errorf("it was given up: %v", b.err)
				}
			}
		})
	}
}

// A report never says that there are no effects when they were not computed.
func TestEffect_saysThatItGaveUp(t *testing.T) {
	for name, reason := range map[string]string{
		"hostile, 500 nested ranges": "takes too many steps", "hostile, nested groups": "too far inside each other",
	} {
		texts := largePolicies()[name]
		e, err := Effect(t.Context(), parseText(t, texts[0]), parseText(t, texts[1]))
		if err != nil || !strings.Contains(e.GaveUp, reason) || e.Empty() || len(e.Gains)+len(e.Loses)+len(e.NotComputed) > 0 {
			t.Errorf("%s: %v, gave up %q, empty %t", name, err, e.GaveUp, e.Empty())
		}
		if text := e.Text(); !strings.HasPrefix(text, "not computed  who gains and who loses") || !strings.Contains(text, "any access") {
			t.Errorf("%s: the text is %q", name, text)
		}
	}
}

// The context is looked at on the way, not only at the beginning.
func TestEffect_endsWithItsContext(t *testing.T) {
	texts := largePolicies()["hostile, 500 nested ranges"]
	old, new := parseText(t, texts[0]), parseText(t, texts[1])
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Effect(ctx, old, new); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	b := newBudget(t.Context(), mostSteps)
	b.ctx = ctx
	if effect(b, old, new); b.err != context.Canceled || mostSteps-b.left > 2*betweenLooks {
		t.Errorf("it ended with %v after %d steps", b.err, mostSteps-b.left)
	}
}

func TestBudget_looksAtItsContextAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBudget(ctx, mostSteps)
	if !b.spend(1) {
		t.Fatalf("it ended with %v", b.err)
	}
	cancel()
	if b.spend(betweenLooks+1) || b.err != context.Canceled {
		t.Errorf("it goes on for another %d steps: %v", betweenLooks+1, b.err)
	}
}

func parseText(t testing.TB, text string) *File {
	t.Helper()
	f, err := Parse(Source{Name: "policy.hujson", Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func BenchmarkEffect(b *testing.B) {
	for name, texts := range largePolicies() {
		old, new := parseText(b, texts[0]), parseText(b, texts[1])
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Effect(b.Context(), old, new); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
