package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/httpurl"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/ownfile"
)

// Options say where the keys are.
type Options struct {
	Endpoints []string // URLs of the cluster's members; http for loopback alone
	Key       string   // whose value is the ring

	User     string // "" is none
	Password secret.Text

	CAFile            string // PEM; "" is the machine's authorities
	CertFile, KeyFile string // PEM; "" is no certificate of ours
}

func newClient(o Options) (*client, error) {
	secured, err := o.tls()
	if err != nil {
		return nil, err
	}
	c := &client{key: o.Key, user: o.User, password: o.Password}
	for _, endpoint := range o.Endpoints {
		if err := checkEndpoint(endpoint); err != nil {
			return nil, diag.Input("an endpoint of etcd cannot be used", err.Error(), diag.Fact{Name: "signingKey.etcd.endpoints", Value: endpoint})
		}
		c.endpoints = append(c.endpoints, strings.TrimSuffix(endpoint, "/"))
	}
	c.http = &http.Client{
		// No proxy: nobody else is to see the keys.
		Transport: &http.Transport{
			TLSClientConfig: secured, DialContext: (&net.Dialer{Timeout: dialLimit}).DialContext, TLSHandshakeTimeout: dialLimit,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("write each as https://HOST:2379")
	case u.Scheme == "https", u.Scheme == "http" && httpurl.IsLoopback(u.Hostname()):
		return nil
	}
	return errors.New("write each as https://HOST:2379: the private keys go over this connection. http:// is for the machine itself alone")
}

func (o Options) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := ownfile.Read(o.CAFile, ownfile.Shared)
		c.RootCAs = x509.NewCertPool()
		if err == nil && !c.RootCAs.AppendCertsFromPEM(pem) {
			err = errors.New("it holds no certificate in PEM")
		}
		if err != nil {
			return nil, unusable("signingKey.etcd.caFile", o.CAFile, err)
		}
	}
	if o.CertFile == "" && o.KeyFile == "" {
		return c, nil
	}
	// Read for each connection: somebody renews them.
	own := func() (*tls.Certificate, error) {
		pair, err := ownfile.ReadPair(o.CertFile, o.KeyFile)
		return &pair, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() }
	if _, err := own(); err != nil {
		return nil, unusable("signingKey.etcd.certFile", o.CertFile, err)
	}
	return c, nil
}

func unusable(key, path string, err error) error {
	return diag.Input("a certificate for etcd cannot be used", "see that the files are there, in PEM, and that certFile and keyFile belong together",
		diag.Fact{Name: key, Value: path}, diag.Fact{Name: "because", Value: err.Error()})
}
