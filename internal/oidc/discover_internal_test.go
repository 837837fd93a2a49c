package oidc

import (
	"errors"
	"net/http"
	"testing"
)

func TestSameHost_staysWithWhoWasAsked(t *testing.T) {
	const first = "https://issuer.example/keys"
	for name, c := range map[string]struct {
		to   string
		hops int // so far
		want error
	}{
		"another path":            {"https://issuer.example/moved", 1, nil},
		"the third redirect":      {"https://issuer.example/moved", 3, nil},
		"the fourth":              {"https://issuer.example/moved", 4, errRedirects},
		"another host":            {"https://other.example/keys", 1, errElsewhere},
		"another port":            {"https://issuer.example:8443/keys", 1, errElsewhere},
		"the same host by http":   {"http://issuer.example/keys", 1, errElsewhere},
		"a name that begins so":   {"https://issuer.example.evil.test/keys", 1, errElsewhere},
		"a user with such a name": {"https://issuer.example@evil.test/keys", 1, errElsewhere},
	} {
		var via []*http.Request
		for range c.hops {
			via = append(via, mustRequest(t, first))
		}
		if err := sameHost(mustRequest(t, c.to), via); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func mustRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
