package idtoken_test

import (
	"net/http"
	"testing"

	"github.com/tailjoin/tailjoin/internal/idtoken"
)

// A tailnet's own names and addresses may be http://, since its connections
// are encrypted.
func TestSTS_mayBeReachedWithoutTLSOnTheTailnet(t *testing.T) {
	for address, want := range map[string]string{
		"http://sts.tail10ca1.ts.net": "sts.tail10ca1.ts.net:80", "http://100.64.0.7:8080": "100.64.0.7:8080", "http://[fd7a:115c:a1e0::7]": "[fd7a:115c:a1e0::7]:80",
		"http://127.0.0.1:8080": "127.0.0.1:8080", "https://sts.example.com/path": "sts.example.com:443",
	} {
		if got, err := idtoken.STSTarget(address); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", address, got, err, want)
		}
	}
}

// What a service says is named, and only a node that it does not know yet may
// ask again.
func TestSTS_refusalsAreTold(t *testing.T) {
	for code, c := range map[string]struct {
		status int
		code   string
		again  bool
	}{
		"node_identity":          {403, "not-answering", true},
		"audience_not_allowed":   {403, "id-token-refused", false},
		"audience_not_permitted": {403, "id-token-refused", false},
		"no_browser":             {403, "id-token-refused", false},
		"rate_limited":           {429, "not-answering", true},
		"unavailable":            {503, "not-answering", true},
	} {
		p := newPlatform(t)
		p.wish.Source, p.wish.STS = "sts", p.tcp(answering(c.status, `{"code":"`+code+`","message":"`+hush+`"}`, http.Header{}))
		_, err := get(t.Context(), t, p.env(), p.wish, wanted)
		wantProblem(t, err, c.code, c.again)
		wantText(t, err, code)
	}
}
