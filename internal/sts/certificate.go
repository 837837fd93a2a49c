package sts

import (
	"crypto/tls"
	"os"
	"sync"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/sts/ownfile"
)

// tlsOf is what connections are secured with; nil if they are not.
func tlsOf(node *Node, c config.Server) (*tls.Config, error) {
	secured := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: node.Certificate}
	switch {
	case c.TLS == "off":
		return nil, nil
	case c.TLS == "files":
		pair := &certificate{certFile: c.CertFile, keyFile: c.KeyFile}
		secured.GetCertificate = pair.get
		_, err := pair.get(nil)
		return secured, err
	case node.Certificate == nil:
		return nil, noCertificate()
	}
	return secured, nil
}

// A certificate is in files, which somebody renews while the service runs.
type certificate struct {
	certFile, keyFile string

	mu      sync.Mutex
	changed time.Time
	read    *tls.Certificate
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.certFile)
	if err == nil && c.read != nil && info.ModTime().Equal(c.changed) {
		return c.read, nil
	}
	pair, err := ownfile.ReadPair(c.certFile, c.keyFile)
	if err != nil && c.read != nil { // half of it may be written yet
		return c.read, nil
	} else if err != nil {
		return nil, diag.Input("the certificate cannot be used", "see that both files are there, in PEM, and belong together",
			diag.Fact{Name: "server.certFile", Value: c.certFile}, diag.Fact{Name: "server.keyFile", Value: c.keyFile},
			diag.Fact{Name: "because", Value: err.Error()})
	}
	c.read, c.changed = &pair, info.ModTime()
	return c.read, nil
}
