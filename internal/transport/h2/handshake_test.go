package h2_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// A client that negotiates h2 by ALPN and then sends no complete preface.
func TestPrefaceTimeoutOverTLS(t *testing.T) {
	trusted := httptest.NewUnstartedServer(nil)
	trusted.StartTLS() // for its certificate
	trusted.Close()
	config := &tls.Config{Certificates: trusted.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	inBubble(t, serverOf(respondOK), h2.Options{HandshakeTimeout: 5 * time.Second}, func(t *testing.T, l *listener) {
		for _, sent := range []string{"", http2.ClientPreface[:20]} {
			ours, theirs := net.Pipe()
			l.conns <- tls.Server(theirs, config)
			nc := tls.Client(ours, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // the certificate is not what is tested
			if err := nc.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			if _, err := io.WriteString(nc, sent); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, nc) // until it is closed
			_ = ours.Close()
			if took := time.Since(begin); took != 5*time.Second {
				t.Errorf("the connection was closed after %v", took)
			}
		}
	})
}

// If the http.Server sets no timeout for headers, HandshakeTimeout bounds a header block.
func TestHeaderBlockTimeoutDefault(t *testing.T) {
	inBubble(t, serverOf(respondOK), h2.Options{HandshakeTimeout: 5 * time.Second}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.mustDo(t, func() error {
			return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encodeBlock(get("/")...)})
		})
		time.Sleep(4 * time.Second)
		p.wantAlive(t)
		time.Sleep(2 * time.Second)
		p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
	})
}

// RFC 9113, section 9.2.2: a cipher suite without authenticated encryption.
func TestProhibitedCipherSuites(t *testing.T) {
	s := serve(t, true, h2.Options{}, respondOK)
	config := &tls.Config{
		RootCAs:      s.roots(),
		ServerName:   "127.0.0.1",
		NextProtos:   []string{"h2"},
		MaxVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
	}
	nc, err := tls.Dial("tcp", s.url[len("https://"):], config)
	if err != nil {
		t.Skipf("crypto/tls does not support the suite: %v", err)
	}
	defer nc.Close()
	f := http2.NewFramer(nc, nc)
	_, _ = io.WriteString(nc, http2.ClientPreface)
	_ = f.WriteSettings()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("no GOAWAY: %v", err)
		}
		if away, ok := frame.(*http2.GoAwayFrame); ok {
			if away.ErrCode != http2.ErrCodeInadequateSecurity {
				t.Errorf("GOAWAY with %v", away.ErrCode)
			}
			return
		}
	}
}

func (s *site) roots() *x509.CertPool {
	return s.client.Transport.(*http.Transport).TLSClientConfig.RootCAs
}
