package etcd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// explain tells what will not pass from what may.
func (c *client) explain(err error) error {
	switch {
	case err == nil, errors.Is(err, keyring.ErrAway):
		return err
	case isFinal(err):
		return c.refused(err)
	}
	return fmt.Errorf("%w: %v", keyring.ErrAway, err)
}

// isFinal holds for what somebody has to change: words of etcd, certificates.
func isFinal(err error) bool {
	_, answered := errors.AsType[*refusal](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	said, ok := errors.AsType[*net.OpError](err)
	unwelcome := ok && said.Op == "remote error" // TLS: etcd does not like our certificate, or lacks it
	return answered || untrusted || unwelcome
}

func (c *client) refused(err error) error {
	return &diag.Problem{
		Code:    "etcd-refused",
		Summary: "etcd does not let the token service have its keys",
		Err:     err,
		Facts: []diag.Fact{
			{Name: "endpoints", Value: strings.Join(c.endpoints, " ")},
			{Name: "key", Value: c.key},
			{Name: "user", Value: c.user},
		},
		Hint: "if it wants a user: signingKey.etcd.username and password. The user needs a role that may read and write this key\n" +
			"If a certificate is the matter: signingKey.etcd.caFile is who signed etcd's, certFile and keyFile are the service's own",
	}
}
