// Command bare is the least that a token service can be: net/http with the
// limits of tailjoin-sts, and a handler that signs. It asks nobody who is
// there, decides nothing, encodes nothing but the signature, and writes
// nothing down.
//
//	bare -listen 127.0.0.1:80 <CLAIMS
//
// It signs the claims on its input, by ES256, once for each request.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	listen := flag.String("listen", "", "address")
	flag.Parse()
	if err := serve(*listen, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func serve(listen string, in io.Reader) error {
	claims, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /token", handler{key, encode([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + encode(claims)})
	s := &http.Server{
		Addr: listen, Handler: mux, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
	return s.ListenAndServe()
}

type handler struct {
	key   *ecdsa.PrivateKey
	input string
}

func (h handler) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	digest := sha256.Sum256([]byte(h.input))
	r, s, err := ecdsa.Sign(rand.Reader, h.key, digest[:])
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"access_token":"`+h.input+"."+encode(signature[:])+`","token_type":"Bearer","expires_in":"300"}`)
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
