package etcd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localetcd"
	"github.com/tailjoin/tailjoin/internal/sts/etcd"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// An authority signs certificates.
type authority struct {
	file        string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := mustKey(t)
	a := authority{filepath.Join(t.TempDir(), "ca.pem"), template, key}
	der := a.sign(t, template, key)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func mustKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a authority) sign(t *testing.T, template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// issue returns the files of a certificate for loopback, good for both ends.
func (a authority) issue(t *testing.T, name string) (certFile, keyFile string) {
	t.Helper()
	key := mustKey(t)
	der := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, key)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", private)
	return certFile, keyFile
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStore_provesItselfByACertificateAndWantsOne(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	o := localetcd.Options{ClientCAFile: ours.file}
	o.CertFile, o.KeyFile = ours.issue(t, "etcd")
	server := start(t, o)

	good := etcd.Options{Endpoints: []string{server.URL}, CAFile: ours.file}
	good.CertFile, good.KeyFile = ours.issue(t, "sts")
	if _, _, err := mustStore(t, good).Load(t.Context()); !errors.Is(err, keyring.ErrNone) {
		t.Errorf("with all that it takes: %v", err)
	}
	for name, spoil := range map[string]func(*etcd.Options){
		"no certificate of ours":      func(o *etcd.Options) { o.CertFile, o.KeyFile = "", "" },
		"a certificate of others":     func(o *etcd.Options) { o.CertFile, o.KeyFile = others.issue(t, "sts") },
		"an etcd of others":           func(o *etcd.Options) { o.CAFile = others.file },
		"an etcd that nobody vouches": func(o *etcd.Options) { o.CAFile = "" },
	} {
		o := good
		spoil(&o)
		if _, _, err := mustStore(t, o).Load(t.Context()); codeOf(err) != "etcd-refused" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another user who can write one of the files decides with whom the keys are
// shared.
func TestNew_trustsNoFileThatAnotherUserCanWrite(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	o := etcd.Options{Endpoints: []string{"https://127.0.0.1:1"}, Key: key, CAFile: a.file}
	o.CertFile, o.KeyFile = a.issue(t, "sts")
	if _, err := etcd.New(o); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{o.CAFile, o.CertFile, o.KeyFile} {
		if err := os.Chmod(path, 0o602); err != nil {
			t.Fatal(err)
		}
		if _, err := etcd.New(o); err == nil {
			t.Errorf("%s was accepted", filepath.Base(path))
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
