package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/certs"
	"github.com/tensorwire/tensorwire/internal/transport/certs/certstest"
	"github.com/tensorwire/tensorwire/internal/transport/proxyproto"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// large is a response that is written in several parts.
var large = bytes.Repeat([]byte("tensorwire"), 1<<18)

// describing returns a server whose responses describe their request.
func describing(t *testing.T, options server.Options) *server.Server {
	t.Helper()
	options.Logger = slog.New(slog.DiscardHandler)
	describe := func(w http.ResponseWriter, r *http.Request) {
		name := "none"
		if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
			name = r.TLS.VerifiedChains[0][0].Subject.CommonName
		}
		fmt.Fprintf(w, "%s %s tls=%t client=%s", r.Proto, r.RemoteAddr, r.TLS != nil, name)
	}
	s, err := server.New(&telemetry.Lifecycle{}, options, server.Endpoint{Name: "api", Routes: []server.Route{
		{Pattern: "GET /describe", Handler: http.HandlerFunc(describe)},
		{Pattern: "GET /large", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(large) })},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return s
}

// serveOn serves on a listener, with TLS where config is not nil.
func serveOn(t *testing.T, s *server.Server, listener net.Listener, config *tls.Config) {
	t.Helper()
	go func() { // until the shutdown
		if config != nil {
			_ = s.ServeTLS("api", listener, config)
			return
		}
		_ = s.Serve("api", listener)
	}()
}

func listenOn(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// client returns a client whose connections begin with header.
func client(t *testing.T, listener net.Listener, h2 bool, config *tls.Config, header string) *http.Client {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: config, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, listener.Addr().Network(), listener.Addr().String())
		if err == nil {
			_, err = io.WriteString(nc, header)
		}
		return nc, err
	}}
	tr.Protocols.SetHTTP1(!h2)
	tr.Protocols.SetHTTP2(h2 && config != nil)
	tr.Protocols.SetUnencryptedHTTP2(h2 && config == nil)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func fetch(c *http.Client, url string) (string, error) {
	response, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return string(content), err
}

// stored returns a certificate in files, for localhost, and with the authorities of clients if ca.
func stored(t *testing.T, authority *certstest.Authority, ca bool) (*certs.Store, func()) {
	t.Helper()
	dir := t.TempDir()
	options := certs.Options{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), ClientOptional: true, Logger: slog.New(slog.DiscardHandler)}
	renew := func() {
		pair := authority.Issue("server", time.Hour)
		certstest.Write(t, options.CertFile, pair.Cert)
		certstest.Write(t, options.KeyFile, pair.Key)
	}
	renew()
	if ca {
		options.ClientCAFile = filepath.Join(dir, "ca.pem")
		certstest.Write(t, options.ClientCAFile, authority.PEM())
	}
	store, err := certs.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	return store, renew
}

// implementations are both of HTTP/2.
var implementations = map[string]server.Options{"h2": {}, "net/http": {NetHTTP2: true}}

func TestOneEndpointServesListenersOfAllKinds(t *testing.T) {
	authority := certstest.NewAuthority(t, "authority")
	store, _ := stored(t, authority, true)
	config := &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"}
	known := config.Clone()
	known.Certificates = []tls.Certificate{authority.Issue("robot", time.Hour).TLS(t)}
	for name, options := range implementations {
		s := describing(t, options)
		plain, secure, unix := listenOn(t, "tcp", "127.0.0.1:0"), listenOn(t, "tcp", "127.0.0.1:0"), listenOn(t, "unix", filepath.Join(t.TempDir(), "s"))
		serveOn(t, s, plain, nil)
		serveOn(t, s, secure, store.Config())
		serveOn(t, s, unix, nil)
		for _, h2 := range []bool{false, true} {
			proto := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[h2]
			for want, c := range map[string]struct {
				client *http.Client
				scheme string
			}{
				"127.0.0.1: tls=false client=none": {client(t, plain, h2, nil, ""), "http"},
				"127.0.0.1: tls=true client=none":  {client(t, secure, h2, config.Clone(), ""), "https"},
				"127.0.0.1: tls=true client=robot": {client(t, secure, h2, known.Clone(), ""), "https"},
				"@ tls=false client=none":          {client(t, unix, h2, nil, ""), "http"},
			} {
				got, err := fetch(c.client, c.scheme+"://localhost/describe")
				address, rest, _ := strings.Cut(want, " ")
				if err != nil || !strings.HasPrefix(got, proto+" "+address) || !strings.HasSuffix(got, rest) {
					t.Errorf("%s, %s: %q, %v, want %s %s", name, proto, got, err, proto, want)
				}
				if got, err := fetch(c.client, c.scheme+"://localhost/large"); err != nil || got != string(large) {
					t.Errorf("%s, %s, %s: %d bytes, %v", name, proto, want, len(got), err)
				}
			}
		}
		if open, _ := s.Connections(); open == 0 {
			t.Error("no connections are counted")
		}
	}
}

func TestUnixSocketsHaveTheLimitOfConnections(t *testing.T) {
	s := describing(t, server.Options{MaxConnections: 1})
	unix := listenOn(t, "unix", filepath.Join(t.TempDir(), "s"))
	serveOn(t, s, unix, nil)
	if got, err := fetch(client(t, unix, false, nil, ""), "http://localhost/describe"); err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := fetch(client(t, unix, false, nil, ""), "http://localhost/describe"); err != nil || !strings.Contains(got, "too many connections") {
		t.Errorf("beyond the limit: %q, %v", got, err)
	}
}

func TestTheClientOfAProxyCounts(t *testing.T) {
	authority := certstest.NewAuthority(t, "authority")
	store, _ := stored(t, authority, false)
	config := &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"}
	header := func(address string) string { return "PROXY TCP4 " + address + " 198.51.100.1 1234 443\r\n" }
	for name, options := range implementations {
		for _, secure := range []bool{false, true} {
			for _, h2 := range []bool{false, true} {
				options.MaxConnectionsPerPeer = 1
				s := describing(t, options)
				listener := proxyproto.NewListener(listenOn(t, "tcp", "127.0.0.1:0"), []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, slog.New(slog.DiscardHandler))
				url, trust := "http://localhost/describe", (*tls.Config)(nil)
				if secure {
					url, trust = "https://localhost/describe", config.Clone()
					serveOn(t, s, listener, store.Config())
				} else {
					serveOn(t, s, listener, nil)
				}
				first := client(t, listener, h2, trust, header("192.0.2.7"))
				for _, c := range []struct {
					client  *http.Client
					address string // empty: refused
				}{
					{first, "192.0.2.7:1234"},
					{client(t, listener, h2, trust, header("192.0.2.7")), ""},
					{client(t, listener, h2, trust, header("192.0.2.8")), "192.0.2.8:1234"},
				} {
					got, err := fetch(c.client, url)
					if c.address != "" && (err != nil || !strings.Contains(got, c.address)) || c.address == "" && err == nil && !strings.Contains(got, "too many connections") {
						t.Errorf("%s, TLS %t, HTTP/2 %t: %q, %v, want %q", name, secure, h2, got, err, c.address)
					}
				}
			}
		}
	}
}

// No request fails while certificates change. New connections get the new one.
func TestCertificatesChangeUnderLoad(t *testing.T) {
	authority := certstest.NewAuthority(t, "authority")
	store, renew := stored(t, authority, false)
	s := describing(t, server.Options{})
	listener := listenOn(t, "tcp", "127.0.0.1:0")
	serveOn(t, s, listener, store.Config())
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, h2 := range []bool{false, true} {
		for _, fresh := range []bool{false, true} {
			c := client(t, listener, h2, &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(4)}, "")
			group.Go(func() {
				for ctx.Err() == nil {
					if got, err := fetch(c, "https://localhost/describe"); err != nil || !strings.Contains(got, "tls=true") {
						t.Errorf("HTTP/2 %t, new connections %t: %q, %v", h2, fresh, got, err)
						return
					}
					if fresh {
						c.CloseIdleConnections()
					}
				}
			})
		}
	}
	for range 20 {
		before := store.Fingerprint()
		renew()
		store.Reload()
		if store.Fingerprint() == before {
			t.Error("the certificate is not loaded")
		}
		nc, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		serial := nc.ConnectionState().PeerCertificates[0].SerialNumber.String()
		_ = nc.Close()
		inner, err := store.Config().GetConfigForClient(nil)
		if err != nil || inner.Certificates[0].Leaf.SerialNumber.String() != serial {
			t.Errorf("a new connection has the certificate %s, %v", serial, err)
		}
	}
	cancel()
	group.Wait()
}
