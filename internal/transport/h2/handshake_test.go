package h2_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// A client that has chosen h2 by ALPN and then says nothing.
func TestThePrefaceHasATimeOverTLS(t *testing.T) {
	trusted := httptest.NewUnstartedServer(nil)
	trusted.StartTLS() // for its certificate
	trusted.Close()
	config := &tls.Config{Certificates: trusted.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	bubble(t, serverOf(answerOK), h2.Options{HandshakeTimeout: 5 * time.Second}, func(t *testing.T, l *listener) {
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

// Where the http.Server bounds no header's time, a block has the handshake's.
func TestHeaderBlocksAlwaysHaveATime(t *testing.T) {
	bubble(t, serverOf(answerOK), h2.Options{HandshakeTimeout: 5 * time.Second}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.write(t, func() error {
			return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block(get("/")...)})
		})
		time.Sleep(4 * time.Second)
		p.wantAlive(t)
		time.Sleep(2 * time.Second)
		p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
	})
}
