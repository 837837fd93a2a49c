package ownfile

import "crypto/tls"

// ReadPair is tls.LoadX509KeyPair for trusted files.
func ReadPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := Read(certFile, Shared)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := Read(keyFile, Shared)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}
