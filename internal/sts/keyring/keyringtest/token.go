package keyringtest

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// Sign is a token of a keeper.
func Sign(t *testing.T, k *keyring.Keeper, algorithm string) string {
	t.Helper()
	signed, err := k.Sign(t.Context(), algorithm, map[string]any{"sub": "n1"})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Token.Reveal()
}

// Verify is what two libraries say of a token that know nothing of keyrings.
// published is a JWKS.
func Verify(t *testing.T, token string, published []byte) error {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(published, &set); err != nil {
		t.Fatal(err)
	}
	_, err := jwt.Parse(token, func(token *jwt.Token) (any, error) {
		found := set.Key(token.Header["kid"].(string))
		if len(found) != 1 || found[0].Algorithm != token.Method.Alg() {
			return nil, errors.New("no such key")
		}
		return found[0].Key, nil
	})
	parsed, jerr := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA})
	if jerr == nil {
		_, jerr = parsed.Verify(set)
	}
	if (err == nil) != (jerr == nil) {
		t.Errorf("golang-jwt says %v, go-jose says %v", err, jerr)
	}
	return err
}
