package certs_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/certs"
	"github.com/tensorwire/tensorwire/internal/transport/certs/certstest"
)

// A session resumes with a new certificate, and does not when its client's authority is removed.
func TestSessionsEndWithTheirAuthority(t *testing.T) {
	dir := t.TempDir()
	servers, old, next := certstest.NewAuthority(t, "servers"), certstest.NewAuthority(t, "old"), certstest.NewAuthority(t, "next")
	options := certs.Options{
		CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), ClientCAFile: filepath.Join(dir, "ca.pem"),
		Logger: slog.New(slog.DiscardHandler),
	}
	write := func(clients *certstest.Authority) {
		pair := servers.Issue("server", time.Hour)
		certstest.Write(t, options.CertFile, pair.Cert)
		certstest.Write(t, options.KeyFile, pair.Key)
		certstest.Write(t, options.ClientCAFile, clients.PEM())
	}
	write(old)
	store, err := certs.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		write(old)
		store.Reload()
		client := &tls.Config{
			RootCAs: servers.Pool(), ServerName: "localhost", MaxVersion: version,
			Certificates: []tls.Certificate{old.Issue("client", time.Hour).TLS(t)}, ClientSessionCache: tls.NewLRUClientSessionCache(1),
		}
		if resumed, err := dial(t, store, client); err != nil || resumed {
			t.Fatalf("first: %v, %v", resumed, err)
		}
		write(old)
		store.Reload()
		if resumed, err := dial(t, store, client); err != nil || !resumed {
			t.Errorf("with a new certificate: %v, %v", resumed, err)
		}
		write(next)
		store.Reload()
		if _, err := dial(t, store, client); err == nil {
			t.Errorf("%s: a client of a removed authority is accepted", tls.VersionName(version))
		}
	}
}

func dial(t *testing.T, store *certs.Store, client *tls.Config) (resumed bool, err error) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", store.Config())
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
		_, _ = nc.Write([]byte("x")) // the client reports errors
	}()
	nc, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	over := tls.Client(nc, client)
	defer over.Close()
	_, err = io.ReadFull(over, make([]byte, 1))
	return over.ConnectionState().DidResume, err
}
