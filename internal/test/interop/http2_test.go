package interop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// peer is a server as HTTP/2's clients see it.
type peer struct {
	address string
	// authority is the file of the certificate that clients are to trust. "": there is no
	// TLS, and they know before that the server speaks HTTP/2.
	authority string
}

// url returns the URL of a path, such as of a procedure.
func (p peer) url(path string) string {
	if p.authority != "" {
		return "https://" + p.address + path
	}
	return "http://" + p.address + path
}

// trust returns the arguments of a client that takes the authority as its last one.
func (p peer) trust() []string {
	if p.authority != "" {
		return []string{p.address, p.authority}
	}
	return []string{p.address}
}

// TestHTTP2 drives the server's HTTP/2 with the implementations of it that clients have:
// an answer, an error, a stream, and 20 MB there and back, as h2c and over TLS.
func TestHTTP2(t *testing.T) {
	if os.Getenv(enable) == "" {
		t.Skip("needs clients that make interop installs; that target runs it")
	}
	repository := writeRepository(t)
	certificate, key := writeCertificate(t)
	for name, p := range map[string]peer{
		"h2c": {serve(t, "--models", repository, "--model-control", "none"), ""},
		"TLS": {serve(t, "--models", repository, "--model-control", "none", "--tls-cert", certificate, "--tls-key", key), certificate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("grpc-go", func(t *testing.T) { run(t, nil, filepath.Join(root, clients, "goclient"), p.trust()...) })
			t.Run("grpcio", func(t *testing.T) {
				run(t, []string{"PYTHONDONTWRITEBYTECODE=1"}, filepath.Join(root, clients, "venv/bin/python"), append([]string{"python/grpcio/client.py"}, p.trust()...)...)
			})
			t.Run("grpc-js", func(t *testing.T) { run(t, nil, "node", append([]string{"javascript/client.mjs"}, p.trust()...)...) })
			t.Run("curl", func(t *testing.T) { runCurl(t, p) })
			t.Run("h2load", func(t *testing.T) { runH2load(t, p) })
			t.Run("buf curl", func(t *testing.T) { runBufCurl(t, p) })
			if p.authority != "" { // browsers have no h2c
				t.Run("Chromium", func(t *testing.T) { run(t, nil, "node", filepath.Join(root, "web/test/http2.mjs"), p.url("")) })
			}
		})
	}
}

// writeCertificate makes a certificate for this machine that is its own authority.
func writeCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "interop"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, content []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("certificate.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}
