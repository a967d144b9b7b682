package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// maxFileBytes bounds a PEM file. The bundle with all authorities of an operating system has a
// quarter of it.
const maxFileBytes = 1 << 20

// load returns what the files have. It returns old where they have not changed.
func (s *Store) load(old *state) (*state, error) {
	o := &s.options
	var chain, key, authorities []byte
	err := errors.Join(
		read(setting.TLSCert, o.CertFile, &chain),
		read(setting.TLSKey, o.KeyFile, &key),
		read(setting.TLSClientCA, o.ClientCAFile, &authorities))
	if err != nil {
		return nil, err
	}
	next := &state{digest: digestOf(chain, key, authorities), config: newConfig()}
	if old != nil && old.digest == next.digest {
		return old, nil
	}
	certificate, err := s.certificate(old, chain, key)
	if err != nil {
		return nil, err
	}
	next.leaf = certificate.Leaf
	if now := time.Now(); old != nil && now.After(next.leaf.NotAfter) && now.Before(old.leaf.NotAfter) {
		return nil, setting.Errorf("%s %q: the certificate expired at %v, and the one that is served has not expired", setting.TLSCert, o.CertFile, next.leaf.NotAfter)
	}
	next.config.Certificates = []tls.Certificate{certificate}
	if o.ClientCAFile == "" {
		return next, nil
	}
	next.config.ClientAuth = tls.RequireAndVerifyClientCert
	if o.ClientOptional {
		next.config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	next.config.ClientCAs, err = parsePool(authorities)
	if err != nil {
		return nil, setting.Errorf("%s %q: %w", setting.TLSClientCA, o.ClientCAFile, err)
	}
	return next, nil
}

func (s *Store) certificate(old *state, chain, key []byte) (tls.Certificate, error) {
	switch {
	case s.options.SelfSigned && old != nil:
		return old.config.Certificates[0], nil
	case s.options.SelfSigned:
		return selfSigned(s.options.Names)
	}
	certificate, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return certificate, setting.Errorf("%s %q and %s %q: %w", setting.TLSCert, s.options.CertFile, setting.TLSKey, s.options.KeyFile, err)
	}
	return certificate, nil
}

// read reads a file, if it has a name.
func read(key setting.Key, name string, content *[]byte) error {
	if name == "" {
		return nil
	}
	file, err := os.Open(name)
	if err != nil {
		return setting.Errorf("%s: %w", key, err)
	}
	defer file.Close()
	*content, err = io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(*content) > maxFileBytes {
		err = fmt.Errorf("%s has more than %d bytes, which is the maximum", name, maxFileBytes)
	}
	if err != nil {
		return setting.Errorf("%s: %w", key, err)
	}
	return nil
}

// digestOf returns a digest of files. It keeps no copy of the private key.
func digestOf(files ...[]byte) [sha256.Size]byte {
	var all []byte
	for _, file := range files {
		sum := sha256.Sum256(file)
		all = append(all, sum[:]...)
	}
	return sha256.Sum256(all)
}

// parsePool parses all certificates of a PEM file. Blocks of other types are skipped, as bundles
// have them.
func parsePool(content []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), false
	for {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		pool.AddCert(certificate)
		found = true
	}
	if !found {
		return nil, errors.New("found no certificate, give a PEM file with the certificates of the authorities")
	}
	if bytes.Contains(content, []byte("-----BEGIN")) {
		return nil, errors.New("the last block of the PEM file is incomplete")
	}
	return pool, nil
}
