package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// Options select the certificate of a Store, and which certificates clients need.
type Options struct {
	// CertFile and KeyFile are PEM files with the certificate chain and its private key.
	CertFile, KeyFile string
	// SelfSigned makes a certificate for Names, host names and IP addresses, instead. It lasts
	// as long as the Store, at most a year.
	SelfSigned bool
	Names      []string
	// ClientCAFile is a PEM file with the authorities of client certificates. Empty: clients
	// are asked for none.
	ClientCAFile string
	// ClientOptional accepts clients without a certificate, too. One that a client presents is
	// verified in any case.
	ClientOptional bool
	// Logger reports changes and files that cannot be loaded. nil: slog.Default.
	Logger *slog.Logger
}

// Store has a TLS configuration that follows its files. It is safe for concurrent use, except that
// one goroutine runs Watch.
type Store struct {
	options Options
	log     *slog.Logger
	base    *tls.Config
	current atomic.Pointer[state]
	failing atomic.Bool
	// seen is the error of the last look, and reported the one that was logged.
	seen, reported string
}

// state is what was loaded together.
type state struct {
	digest [sha256.Size]byte // of the files
	config *tls.Config
	leaf   *x509.Certificate
}

// Open loads the certificate. An error names settings by [setting.Key].
func Open(options Options) (*Store, error) {
	s := &Store{options: options, log: options.Logger}
	if s.log == nil {
		s.log = slog.Default()
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	loaded, err := s.load(nil)
	if err != nil {
		return nil, err
	}
	s.current.Store(loaded)
	// Connections get the current state. Session tickets have the keys of base, so that sessions
	// are resumed after a change, too; crypto/tls verifies their client certificates again.
	s.base = newConfig()
	s.base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current.Load().config, nil }
	if options.SelfSigned {
		s.log.Warn("the TLS certificate is self-signed: it is for development", "names", options.Names, "fingerprint", s.Fingerprint())
	} else if time.Now().After(loaded.leaf.NotAfter) {
		s.log.Warn("the TLS certificate has expired", "file", options.CertFile, "not_after", loaded.leaf.NotAfter)
	}
	return s, nil
}

func (s *Store) check() error {
	o := &s.options
	switch {
	case o.SelfSigned && (o.CertFile != "" || o.KeyFile != ""):
		return setting.Errorf("%s makes a certificate: set it without %s and %s", setting.TLSSelfSigned, setting.TLSCert, setting.TLSKey)
	case o.SelfSigned:
		return nil
	case o.KeyFile == "":
		return setting.Errorf("%s is set and %s is not: set both or neither", setting.TLSCert, setting.TLSKey)
	case o.CertFile == "":
		return setting.Errorf("%s is set and %s is not: set both or neither", setting.TLSKey, setting.TLSCert)
	}
	return nil
}

// newConfig returns a configuration for HTTP/2 and HTTP/1.1. Cipher suites and curves are Go's.
func newConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}

// Config returns the configuration of listeners. It is shared: callers do not change it.
func (s *Store) Config() *tls.Config { return s.base }

// NotAfter returns when the certificate expires.
func (s *Store) NotAfter() time.Time { return s.current.Load().leaf.NotAfter }

// Failing reports whether the files cannot be loaded, so that the state before is served.
func (s *Store) Failing() bool { return s.failing.Load() }

// Fingerprint returns the SHA-256 digest of the certificate, in hexadecimal.
func (s *Store) Fingerprint() string {
	sum := sha256.Sum256(s.current.Load().leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// PublicKey returns the SHA-256 digest of the certificate's public key (RFC 7469, section 2.4), by
// which clients can pin it.
func (s *Store) PublicKey() [sha256.Size]byte {
	return sha256.Sum256(s.current.Load().leaf.RawSubjectPublicKeyInfo)
}
