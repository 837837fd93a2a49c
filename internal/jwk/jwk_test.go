package jwk_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

// public makes a new key for each algorithm; go-jose is the oracle for how it
// is written.
func public(t *testing.T) map[string]crypto.PublicKey {
	t.Helper()
	keys := map[string]crypto.PublicKey{}
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[alg] = &key.PublicKey
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys["RS256"], keys["PS512"] = &key.PublicKey, &key.PublicKey
	if keys["EdDSA"], _, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestFind_readsWhatGoJoseWrites(t *testing.T) {
	for alg, want := range public(t) {
		t.Run(alg, func(t *testing.T) {
			written, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: want, KeyID: "k1", Algorithm: alg, Use: "sig"}}})
			if err != nil {
				t.Fatal(err)
			}
			var set jwk.Set
			if err := json.Unmarshal(written, &set); err != nil {
				t.Fatal(err)
			}
			got, err := set.Find("k1", alg)
			if err != nil || len(got) != 1 || !equal(want, got[0]) {
				t.Errorf("found %v, %v; want the key of\n%s", got, err, written)
			}
		})
	}
}

func TestOf_writesWhatGoJoseReads(t *testing.T) {
	for alg, want := range public(t) {
		t.Run(alg, func(t *testing.T) {
			key, err := jwk.Of("k1", alg, want)
			if err != nil {
				t.Fatal(err)
			}
			written, err := json.Marshal(key)
			if err != nil {
				t.Fatal(err)
			}
			var got jose.JSONWebKey
			if err := json.Unmarshal(written, &got); err != nil {
				t.Fatal(err)
			}
			if !got.Valid() || !equal(want, got.Key) || got.KeyID != "k1" || got.Algorithm != alg {
				t.Errorf("go-jose reads %+v out of\n%s", got, written)
			}
		})
	}
}

func equal(a, b crypto.PublicKey) bool {
	return a.(interface{ Equal(crypto.PublicKey) bool }).Equal(b)
}

func TestFind_takesNoKeyOfAnotherKind(t *testing.T) {
	keys := public(t)
	es256, rs256 := mustOf(t, "ES256", keys["ES256"]), mustOf(t, "RS256", keys["RS256"])
	bare := rs256
	bare.Alg, bare.Use = "", ""
	encrypting := bare
	encrypting.Use = "enc"
	for name, c := range map[string]struct {
		key      jwk.Key
		kid, alg string
		want     int
	}{
		"the key":                      {es256, "k1", "ES256", 1},
		"any kid":                      {es256, "", "ES256", 1},
		"another kid":                  {es256, "k2", "ES256", 0},
		"another curve":                {es256, "k1", "ES384", 0},
		"another type":                 {es256, "k1", "RS256", 0},
		"another algorithm":            {rs256, "k1", "RS512", 0},
		"any algorithm of its type":    {bare, "k1", "PS384", 1},
		"for encryption":               {encrypting, "k1", "RS256", 0},
		"a shared secret":              {bare, "k1", "HS256", 0},
		"no algorithm":                 {bare, "k1", "none", 0},
		"an algorithm of another time": {bare, "k1", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := jwk.Set{Keys: []jwk.Key{c.key}}.Find(c.kid, c.alg)
			if len(got) != c.want || errors.Is(err, jwk.ErrUnknown) != (c.want == 0) {
				t.Errorf("found %d keys, error %v; want %d", len(got), err, c.want)
			}
		})
	}
}

func TestFind_goesOnAfterAKeyThatIsGarbled(t *testing.T) {
	good := mustOf(t, "ES256", public(t)["ES256"])
	bad := good
	bad.Y = good.X
	got, err := jwk.Set{Keys: []jwk.Key{bad, good}}.Find("k1", "ES256")
	if err != nil || len(got) != 1 {
		t.Errorf("found %d keys, error %v; want the good one", len(got), err)
	}
}

func TestPublic_refusesWhatIsNoKey(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	short := jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "k1"}
	written, err := short.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"1024 bits":            string(written),
		"a huge exponent":      `{"kty":"RSA","n":"AQAB","e":"AQABAQAB"}`,
		"no exponent":          `{"kty":"RSA","n":"AQAB"}`,
		"no base64":            `{"kty":"RSA","n":"+/","e":"AQAB"}`,
		"a point off the line": `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`,
		"a short point":        `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`,
		"another curve":        `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`,
		"a short Ed25519":      `{"kty":"OKP","crv":"Ed25519","x":"AA"}`,
		"X25519":               `{"kty":"OKP","crv":"X25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`,
		"a secret":             `{"kty":"oct","k":"AAAA"}`,
	} {
		var key jwk.Key
		if err := json.Unmarshal([]byte(raw), &key); err != nil {
			t.Fatal(err)
		}
		if got, err := key.Public(); err == nil {
			t.Errorf("%s: decoded to %v", name, got)
		}
	}
}

func TestOf_refusesAKeyThatDoesNotFit(t *testing.T) {
	keys := public(t)
	for alg, key := range map[string]crypto.PublicKey{"ES384": keys["ES256"], "RS256": keys["ES256"], "EdDSA": keys["RS256"], "HS256": keys["RS256"]} {
		if got, err := jwk.Of("k1", alg, key); err == nil {
			t.Errorf("%s of %T: %+v", alg, key, got)
		}
	}
}

func TestAlgorithms_hasNoneThatASharedSecretMakes(t *testing.T) {
	want := []string{"ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}
	if d := cmp.Diff(want, jwk.Algorithms()); d != "" {
		t.Errorf("algorithms (-want +got):\n%s", d)
	}
}

func mustOf(t *testing.T, alg string, key crypto.PublicKey) jwk.Key {
	t.Helper()
	k, err := jwk.Of("k1", alg, key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
