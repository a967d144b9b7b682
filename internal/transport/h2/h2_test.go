package h2_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a server under test.
type site struct {
	url    string
	client *http.Client
	http   *http.Server
	server *h2.Server // nil: net/http's own
}

// serve serves handler with h2, over TLS or as h2c, until the test ends.
func serve(t testing.TB, secure bool, options h2.Options, handler http.HandlerFunc) *site {
	t.Helper()
	return serveBy(t, true, secure, options, &http.Server{Handler: handler})
}

// serveBy serves srv with h2, or with net/http's own HTTP/2.
func serveBy(t testing.TB, own, secure bool, options h2.Options, srv *http.Server) *site {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols), ExpectContinueTimeout: time.Minute, DisableCompression: true}
	s := &site{client: &http.Client{Transport: transport}, http: srv}
	if own {
		s.server = h2.Configure(srv, options)
	} else {
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetHTTP2(true)
		srv.Protocols.SetUnencryptedHTTP2(true)
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	served := make(chan error, 1)
	if secure {
		trusted := httptest.NewUnstartedServer(nil)
		trusted.StartTLS() // for its certificate
		defer trusted.Close()
		srv.TLSConfig.Certificates = trusted.TLS.Certificates
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
		transport.Protocols.SetHTTP2(true)
		s.url = "https://" + listener.Addr().String()
		go func() { served <- srv.ServeTLS(listener, "", "") }()
	} else {
		transport.Protocols.SetUnencryptedHTTP2(true)
		go func() { served <- srv.Serve(listener) }()
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return s
}

// shutdown stops the server gracefully, as a process does at its end.
func (s *site) shutdown(ctx context.Context) error {
	if s.server == nil {
		return s.http.Shutdown(ctx)
	}
	return errors.Join(s.http.Shutdown(ctx), s.server.Shutdown(ctx))
}

// overH2CAndTLS runs test as h2c and over TLS.
func overH2CAndTLS(t *testing.T, test func(t *testing.T, secure bool)) {
	t.Helper()
	for name, secure := range map[string]bool{"h2c": false, "TLS": true} {
		t.Run(name, func(t *testing.T) { test(t, secure) })
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

func TestBodySizes(t *testing.T) {
	overH2CAndTLS(t, func(t *testing.T, secure bool) {
		s := serve(t, secure, h2.Options{}, func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 || (r.TLS != nil) != secure {
				t.Errorf("protocol %s, TLS %v", r.Proto, r.TLS != nil)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(body)
		})
		var group sync.WaitGroup
		for _, n := range []int{0, 1, 100, 4096, 4097, 16384, 65536, 100_000, 602_112, 1 << 20, 20_000_000} {
			for _, known := range []bool{true, false} {
				group.Go(func() {
					var body io.Reader = bytes.NewReader(pattern(n))
					if !known {
						body = io.MultiReader(body)
					}
					res, err := s.client.Post(s.url+"/echo", "application/octet-stream", body)
					if err != nil {
						t.Error(err)
						return
					}
					defer res.Body.Close()
					got, err := io.ReadAll(res.Body)
					if err != nil || !bytes.Equal(got, pattern(n)) {
						t.Errorf("%d bytes, declared length %v: %d were returned, %v", n, known, len(got), err)
					}
				})
			}
		}
		group.Wait()
	})
}

func TestTrailersBothWays(t *testing.T) {
	s := serve(t, false, h2.Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Announced")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("Announced", r.Trailer.Get("Sum"))
		w.Header().Set(http.TrailerPrefix+"Late", "yes")
	})
	req, _ := http.NewRequest(http.MethodPost, s.url, io.MultiReader(strings.NewReader("body")))
	req.Trailer = http.Header{"Sum": nil}
	req.Body = &onEOF{req.Body, func() { req.Trailer.Set("Sum", "4") }}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if string(text) != "body" || res.Trailer.Get("Announced") != "4" || res.Trailer.Get("Late") != "yes" {
		t.Errorf("%q, %v", text, res.Trailer)
	}
}

type onEOF struct {
	io.ReadCloser
	call func()
}

func (r *onEOF) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err == io.EOF {
		r.call()
	}
	return n, err
}

func TestFullDuplex(t *testing.T) {
	s := serve(t, false, h2.Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_ = http.NewResponseController(w).Flush()
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				_, _ = w.Write(buf[:n])
				w.(http.Flusher).Flush()
			}
			if err != nil {
				return
			}
		}
	})
	pr, pw := io.Pipe()
	res, err := s.client.Post(s.url, "text/plain", pr)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 100)
	for i := range 100 {
		text := fmt.Sprint("message ", i)
		if _, err := io.WriteString(pw, text); err != nil {
			t.Fatal(err)
		}
		n, err := io.ReadFull(res.Body, buf[:len(text)])
		if err != nil || string(buf[:n]) != text {
			t.Fatalf("%q, %v", buf[:n], err)
		}
	}
	pw.Close()
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) != 0 {
		t.Errorf("%q, %v", rest, err)
	}
}
