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
	"strings"
	"testing"
	"time"
)

// peer is a server for HTTP/2 clients.
type peer struct {
	address string
	// authority is the file of the certificate to trust. "": no TLS, HTTP/2 with prior
	// knowledge.
	authority string
}

// url returns the URL of a path.
func (p peer) url(path string) string {
	if p.authority != "" {
		return "https://" + p.address + path
	}
	return "http://" + p.address + path
}

// trust returns the arguments for a client with the authority as its last argument.
func (p peer) trust() []string {
	if p.authority != "" {
		return []string{p.address, p.authority}
	}
	return []string{p.address}
}

// TestHTTP2 tests the server's HTTP/2 with the implementations of existing clients: a
// response, an error, a stream, and 20 MB in both directions, with h2c and over TLS. Node.js sends
// messages above the limit.
func TestHTTP2(t *testing.T) {
	if os.Getenv(enable) == "" {
		t.Skip("needs the clients of make interop: run make interop")
	}
	repository := writeRepository(t)
	certificate, key := writeCertificate(t)
	// With the broken model the servers would not be ready.
	args := []string{"--models", repository, "--model-control", "explicit", "--load-model", strings.Join(loadable(t, repository), ",")}
	for name, p := range map[string]peer{
		"h2c": {serve(t, args...), ""},
		"TLS": {serve(t, append(args, "--tls-cert", certificate, "--tls-key", key)...), certificate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("grpc-go", func(t *testing.T) { run(t, nil, filepath.Join(root, clients, "goclient"), p.trust()...) })
			t.Run("grpcio", func(t *testing.T) {
				run(t, []string{"PYTHONDONTWRITEBYTECODE=1"}, filepath.Join(root, clients, "venv/bin/python"), append([]string{"python/grpcio/client.py"}, p.trust()...)...)
			})
			t.Run("grpc-js", func(t *testing.T) { run(t, nil, "node", append([]string{"javascript/client.mjs"}, p.trust()...)...) })
			t.Run("Node.js", func(t *testing.T) {
				args := []string{"javascript/large.mjs", p.url("")}
				if p.authority != "" {
					args = append(args, p.authority)
				}
				run(t, nil, "node", args...)
			})
			t.Run("curl", func(t *testing.T) { runCurl(t, p) })
			t.Run("h2load", func(t *testing.T) { runH2load(t, p) })
			t.Run("buf curl", func(t *testing.T) { runBufCurl(t, p) })
			if p.authority != "" { // browsers have no h2c
				t.Run("Chromium", func(t *testing.T) { run(t, nil, "node", filepath.Join(root, "web/test/http2.mjs"), p.url("")) })
			}
		})
	}
}

// writeCertificate writes a self-signed certificate for 127.0.0.1.
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
