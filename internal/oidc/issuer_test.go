package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/tailjoin/tailjoin/internal/oidc"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// A clock is moved by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) pass(d time.Duration) { c.offset.Add(int64(d)) }

// known is an issuer that was chosen beforehand.
func known(i *issuer) (*oidc.Issuer, *clock) {
	c := &clock{}
	return &oidc.Issuer{URL: i.URL, Now: c.now}, c
}

// lasting is a token that outlives every test's clock.
func (i *issuer) lasting(t *testing.T, with jose.JSONWebKey) secret.Text {
	t.Helper()
	return secret.New(i.sign(t, with, map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix(), "n": int64(9007199254740993)}, nil))
}

func TestIssuer_takesANewKeyAndForgetsAnOldOne(t *testing.T) {
	i := newIssuer(t)
	trusted, c := known(i)
	old := i.keys[jose.ES256]
	if _, err := trusted.Verify(t.Context(), i.lasting(t, old)); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.keys[jose.ES256] = jose.JSONWebKey{Key: key, KeyID: "new", Algorithm: "ES256", Use: "sig"}
	i.get["/keys"] = answers(t, i.public())
	if _, err := trusted.Verify(t.Context(), i.lasting(t, i.keys[jose.ES256])); err == nil || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("just after it was asked: %v", err)
	}
	c.pass(11 * time.Second)
	if _, err := trusted.Verify(t.Context(), i.lasting(t, i.keys[jose.ES256])); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if _, err := trusted.Verify(t.Context(), i.lasting(t, old)); err == nil || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("the old key: %v", err)
	}
}

func TestIssuer_returnsClaimsAsTheyAre(t *testing.T) {
	i := newIssuer(t)
	trusted, _ := known(i)
	claims, err := trusted.Verify(t.Context(), i.lasting(t, i.keys[jose.RS256]))
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := claims["n"].(interface{ String() string }); !ok || n.String() != "9007199254740993" || claims["iss"] != i.URL {
		t.Errorf("claims %v", claims)
	}
}

func TestIssuer_isNoOtherThanTheOneThatWasChosen(t *testing.T) {
	i, other := newIssuer(t), newIssuer(t)
	other.get["/.well-known/openid-configuration"] = func(http.ResponseWriter, *http.Request) { t.Error("another issuer is asked") }
	trusted, _ := known(i)
	if _, err := trusted.Verify(t.Context(), secret.New(i.sign(t, i.keys[jose.ES256], map[string]any{"iss": other.URL}, nil))); err == nil {
		t.Error("a token that names another issuer is accepted")
	}
}

// While an issuer hangs those whose keys are at hand do not wait for it.
func TestIssuer_thatHangsHoldsNobodyUpWhoseKeysAreKnown(t *testing.T) {
	i := newIssuer(t)
	trusted, c := known(i)
	token := i.lasting(t, i.keys[jose.ES256])
	if _, err := trusted.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	asked, answer := make(chan struct{}), make(chan struct{})
	i.get["/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		http.Error(w, "", http.StatusBadGateway)
	}
	c.pass(11 * time.Minute)
	first := make(chan error, 1)
	go func() {
		_, err := trusted.Verify(t.Context(), token)
		first <- err
	}()
	<-asked
	began := time.Now()
	if _, err := trusted.Verify(t.Context(), token); err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	close(answer)
	if err := <-first; err != nil {
		t.Errorf("who asked: %v", err)
	}
	c.pass(time.Hour)
	i.get["/.well-known/openid-configuration"] = status(http.StatusBadGateway)
	_, err := trusted.Verify(t.Context(), token)
	if _, ok := errors.AsType[*oidc.KeysError](err); !ok {
		t.Errorf("an hour later: %v", err)
	}
}

func TestCheckIssuer(t *testing.T) {
	for address, good := range map[string]bool{
		"https://token.actions.githubusercontent.com": true, "https://host/path": true, "http://127.0.0.1:1": true, "http://[::1]:1": true, "http://localhost": true,
		"http://host": false, "host": false, "": false, "https://": false, "https://user@host": false, "https://host?x=y": false, "https://host#x": false, "file:///x": false,
	} {
		if err := oidc.CheckIssuer(address); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
}
