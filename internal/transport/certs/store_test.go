package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/certs"
	"github.com/tensorwire/tensorwire/internal/transport/certs/certstest"
)

func TestSettingsThatDoNotFit(t *testing.T) {
	dir := t.TempDir()
	for names, options := range map[string]certs.Options{
		"tls-cert and tls-key":                     {CertFile: "cert.pem"},
		"tls-key and tls-cert":                     {KeyFile: "key.pem"},
		"cert.pem and no such file":                {CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")},
		"tls-self-signed and tls-cert and tls-key": {SelfSigned: true, CertFile: "cert.pem"},
		"tls-client-ca and no such file":           {SelfSigned: true, ClientCAFile: filepath.Join(dir, "ca.pem")},
	} {
		_, err := certs.Open(options)
		for part := range strings.SplitSeq(names, " and ") {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%v: %v", options, err)
			}
		}
	}
}

func TestASelfSignedCertificateHasItsNames(t *testing.T) {
	store, err := certs.Open(certs.Options{SelfSigned: true, Names: []string{"localhost", "gpu1", "127.0.0.1", "::1"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := store.Config().GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf := inner.Certificates[0].Leaf
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	for _, name := range []string{"localhost", "gpu1", "127.0.0.1", "::1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(store.Fingerprint()) != 64 {
		t.Errorf("fingerprint %q", store.Fingerprint())
	}
}

// handshake returns the error of a client.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		nc, err := listener.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		_, _ = tls.Server(nc, server).Write([]byte("x")) // the client reports errors
	}()
	nc, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		return err
	}
	defer nc.Close()
	_, err = io.ReadFull(nc, make([]byte, 1)) // gets the server's verdict, and session tickets
	return err
}

func TestWhichClientsAreAccepted(t *testing.T) {
	dir := t.TempDir()
	ours, foreign := certstest.NewAuthority(t, "ours"), certstest.NewAuthority(t, "foreign")
	pair := ours.Issue("server", time.Hour)
	files := certs.Options{
		CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), ClientCAFile: filepath.Join(dir, "ca.pem"),
		Logger: slog.New(slog.DiscardHandler),
	}
	certstest.Write(t, files.CertFile, pair.Cert)
	certstest.Write(t, files.KeyFile, pair.Key)
	certstest.Write(t, files.ClientCAFile, ours.PEM())
	good, bad := ours.Issue("client", time.Hour).TLS(t), foreign.Issue("client", time.Hour).TLS(t)
	expired := ours.Issue("client", -time.Minute).TLS(t)
	tests := map[string]struct {
		optional bool
		present  *tls.Certificate
		accepted bool
	}{
		"required, none":    {false, nil, false},
		"required, ours":    {false, &good, true},
		"required, foreign": {false, &bad, false},
		"required, expired": {false, &expired, false},
		"optional, none":    {true, nil, true},
		"optional, ours":    {true, &good, true},
		"optional, foreign": {true, &bad, false},
		"optional, expired": {true, &expired, false},
	}
	for name, test := range tests {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			options := files
			options.ClientOptional = test.optional
			store, err := certs.Open(options)
			if err != nil {
				t.Fatal(err)
			}
			client := &tls.Config{RootCAs: ours.Pool(), ServerName: "localhost", MaxVersion: version}
			if test.present != nil {
				// Sent whether or not the server asks for its authority.
				client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return test.present, nil }
			}
			if err := handshake(t, store.Config(), client); (err == nil) != test.accepted {
				t.Errorf("%s, %s: %v", name, tls.VersionName(version), err)
			}
		}
	}
	store, err := certs.Open(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(t, store.Config(), &tls.Config{RootCAs: ours.Pool(), ServerName: "localhost", MaxVersion: tls.VersionTLS11, Certificates: []tls.Certificate{good}}); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
}
