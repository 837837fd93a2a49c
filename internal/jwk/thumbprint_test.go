package jwk_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

func TestThumbprint_isGoJoses(t *testing.T) {
	for alg, key := range public(t) {
		sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := mustOf(t, alg, key).Thumbprint(), base64.RawURLEncoding.EncodeToString(sum); got != want {
			t.Errorf("%s: %s, want %s", alg, got, want)
		}
	}
}

// The example of RFC 7638, section 3.1.
func TestThumbprint_isTheRFCs(t *testing.T) {
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	got := jwk.Key{Kty: "RSA", N: n, E: "AQAB", Alg: "RS256", Kid: "2011-04-29"}.Thumbprint()
	if want := "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestThumbprint_ofNoKeyIsNothing(t *testing.T) {
	var secret jwk.Key
	if err := json.Unmarshal([]byte(`{"kty":"oct","k":"AAAA"}`), &secret); err != nil {
		t.Fatal(err)
	}
	if got := secret.Thumbprint(); got != "" {
		t.Errorf("got %s", got)
	}
}
