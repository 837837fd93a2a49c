package vaulttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A key is one version of one. Nobody but the vault has its private half.
type key struct {
	private crypto.Signer
	kty     string
	ops     []string
	enabled bool
	created time.Time
}

// curves of the vault, with the algorithm that each is for.
var curves = map[string]struct {
	elliptic.Curve
	algorithm string
	hash      crypto.Hash
}{
	"P-256": {elliptic.P256(), "ES256", crypto.SHA256},
	"P-384": {elliptic.P384(), "ES384", crypto.SHA384},
	"P-521": {elliptic.P521(), "ES512", crypto.SHA512},
}

func (v *Vault) createKey(r *http.Request) (any, *refusal) {
	var body struct {
		Kty  string   `json:"kty"`
		Crv  string   `json:"crv"`
		Size int      `json:"key_size"`
		Ops  []string `json:"key_ops"`
	}
	if refused := read(r, &body); refused != nil {
		return nil, refused
	}
	name := r.PathValue("name")
	if !nameForm.MatchString(name) {
		return nil, badParameter("The request URI contains an invalid name: " + name)
	}
	k := &key{kty: body.Kty, ops: body.Ops, enabled: true, created: time.Now()}
	curve, isCurve := curves[body.Crv]
	var err error
	switch {
	case (body.Kty == "EC" || body.Kty == "EC-HSM") && isCurve && body.Size == 0:
		k.private, err = ecdsa.GenerateKey(curve.Curve, rand.Reader)
	case (body.Kty == "RSA" || body.Kty == "RSA-HSM") && body.Crv == "" && slices.Contains([]int{2048, 3072, 4096}, body.Size):
		k.private, err = rsa.GenerateKey(rand.Reader, body.Size)
	default:
		return nil, badParameter("Property has invalid value")
	}
	if err != nil {
		v.t.Error(err)
	}
	id := newID()
	if v.keys[name] == nil {
		v.keys[name] = map[string]*key{}
	}
	v.keys[name][id] = k
	return map[string]any{"key": k.public(URL + "/keys/" + name + "/" + id), "attributes": map[string]any{
		"enabled": true, "created": k.created.Unix(), "updated": k.created.Unix(), "exportable": false,
		"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
	}}, nil
}

func (k *key) public(kid string) map[string]any {
	jwk := map[string]any{"kid": kid, "kty": k.kty, "key_ops": k.ops}
	switch public := k.private.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, X, Y
		if err != nil {
			panic(err)
		}
		size := len(point) / 2
		jwk["crv"], jwk["x"], jwk["y"] = public.Curve.Params().Name, encode(point[1:1+size]), encode(point[1+size:])
	case *rsa.PublicKey:
		jwk["n"], jwk["e"] = encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
	}
	return jwk
}

var encode = base64.RawURLEncoding.EncodeToString

// DisableKey disables a version, which is name/version.
func (v *Vault) DisableKey(name string) { v.set(func() { v.key(name).enabled = false }) }

// EnableKey takes that back.
func (v *Vault) EnableKey(name string) { v.set(func() { v.key(name).enabled = true }) }

func (v *Vault) key(name string) *key {
	name, version, _ := strings.Cut(name, "/")
	return v.keys[name][version]
}

// Keys are the types of the versions of a key.
func (v *Vault) Keys(name string) (types []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, k := range v.keys[name] {
		types = append(types, k.kty)
	}
	return types
}

func (v *Vault) sign(r *http.Request) (any, *refusal) {
	var body struct {
		Algorithm string `json:"alg"`
		Value     string `json:"value"`
	}
	if refused := read(r, &body); refused != nil {
		return nil, refused
	}
	name := r.PathValue("name") + "/" + r.PathValue("version")
	k := v.key(name)
	digest, err := base64.RawURLEncoding.DecodeString(body.Value)
	switch {
	case k == nil:
		return nil, &refusal{404, "KeyNotFound", "", "A key with (name/id) " + name + " was not found in this key vault."}
	case !k.enabled:
		return nil, &refusal{403, "Forbidden", "KeyDisabled", "Operation sign is not allowed on a disabled key."}
	case !slices.Contains(k.ops, "sign"):
		return nil, &refusal{403, "Forbidden", "KeyOperationForbidden", "Operation sign is not permitted on this key."}
	case err != nil:
		return nil, badParameter(err.Error())
	}
	signature, refused := k.sign(body.Algorithm, digest)
	if refused != nil {
		return nil, refused
	}
	return map[string]any{"kid": URL + "/keys/" + name, "value": encode(signature)}, nil
}

func (k *key) sign(algorithm string, digest []byte) ([]byte, *refusal) {
	switch private := k.private.(type) {
	case *ecdsa.PrivateKey:
		curve := curves[private.Curve.Params().Name]
		if algorithm != curve.algorithm || len(digest) != curve.hash.Size() {
			return nil, badParameter("Key and signing algorithm are incompatible, or the digest's length is")
		}
		r, s, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			return nil, badParameter(err.Error())
		}
		size := (private.Params().BitSize + 7) / 8
		return slices.Concat(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))), nil
	case *rsa.PrivateKey:
		if algorithm != "RS256" || len(digest) != crypto.SHA256.Size() {
			return nil, badParameter("Key and signing algorithm are incompatible, or the digest's length is")
		}
		signature, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest)
		if err != nil {
			return nil, badParameter(err.Error())
		}
		return signature, nil
	}
	return nil, badParameter("no such key")
}
