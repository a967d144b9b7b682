package server

import (
	"crypto/tls"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// LoadTLS returns the TLS configuration of an endpoint with the certificate and the key of two
// PEM files. Both may be empty: it returns nil, for cleartext.
func LoadTLS(certFile, keyFile string) (*tls.Config, error) {
	switch {
	case certFile == "" && keyFile == "":
		return nil, nil //nolint:nilnil // no TLS is a valid configuration
	case keyFile == "":
		return nil, setting.Errorf("%s is set and %s is not: set both or neither", setting.TLSCert, setting.TLSKey)
	case certFile == "":
		return nil, setting.Errorf("%s is set and %s is not: set both or neither", setting.TLSKey, setting.TLSCert)
	}
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, setting.Errorf("%s %q and %s %q: %w", setting.TLSCert, certFile, setting.TLSKey, keyFile, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}
