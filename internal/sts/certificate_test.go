package sts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/config"
)

// renew writes a certificate with this number, and its key.
func renew(t *testing.T, dir string, number int64, at time.Time) config.Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(number), DNSNames: []string{"sts.example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := config.Server{TLS: "files", CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{c.KeyFile: {Type: "PRIVATE KEY", Bytes: private}, c.CertFile: {Type: "CERTIFICATE", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestCertificate_isReadAgainWhenItIsRenewed(t *testing.T) {
	dir, at := t.TempDir(), time.Now()
	secured, err := tlsOf(&Node{}, renew(t, dir, 1, at))
	if err != nil {
		t.Fatal(err)
	}
	number := func() int64 {
		pair, err := secured.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.Int64()
	}
	renew(t, dir, 2, at.Add(time.Minute))
	if got := number(); got != 2 {
		t.Errorf("renewed: certificate %d", got)
	}
	renew(t, dir, 3, at.Add(2*time.Minute))
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := number(); got != 2 {
		t.Errorf("half written: certificate %d", got)
	}
	renew(t, dir, 4, at.Add(3*time.Minute))
	if got := number(); got != 4 {
		t.Errorf("written: certificate %d", got)
	}
}

func TestCertificate_isNotWhatAnotherUserCanWrite(t *testing.T) {
	for _, file := range []string{"cert.pem", "key.pem"} {
		dir := t.TempDir()
		c := renew(t, dir, 1, time.Now())
		if err := os.Chmod(filepath.Join(dir, file), 0o602); err != nil {
			t.Fatal(err)
		}
		if _, err := tlsOf(&Node{}, c); err == nil {
			t.Errorf("%s was accepted", file)
		}
	}
}

// Another user puts a link where the audit is to be: it would be added to what
// the link names.
func TestAuditTo_followsNoLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "audit")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, err := (&front{}).auditTo(config.Audit{Path: link}); err == nil || !strings.Contains(diag.As(err).Text(), "symbolic link") {
		t.Errorf("a link: %v", err)
	}
	if err := os.Chmod(target, 0o602); err != nil {
		t.Fatal(err)
	}
	if _, err := (&front{}).auditTo(config.Audit{Path: target}); err == nil {
		t.Error("a file that others can write")
	}
	for _, path := range []string{filepath.Join(dir, "new"), os.DevNull} {
		file, err := (&front{}).auditTo(config.Audit{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	if info, err := os.Stat(filepath.Join(dir, "new")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the new file is %v, %v", info, err)
	}
}

func TestCertificate_hasToBeThereAtTheStart(t *testing.T) {
	c := renew(t, t.TempDir(), 1, time.Now())
	c.KeyFile += "x"
	if _, err := tlsOf(&Node{}, c); err == nil {
		t.Error("a key that is not there was accepted")
	}
	if _, err := tlsOf(&Node{}, config.Server{TLS: "tailscale"}); err == nil {
		t.Error("a tailnet without certificates was accepted")
	}
}
