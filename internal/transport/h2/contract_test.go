package h2_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// contract is one promise of net/http to handlers. Each runs on net/http's own HTTP/2 and
// on this server, which verifies the test itself.
type contract struct {
	handler http.HandlerFunc
	// configure changes the http.Server; nil: no change.
	configure func(srv *http.Server)
	client    func(t *testing.T, s *site)
}

func fetch(t *testing.T, s *site, method, path string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, s, req)
}

func do(t *testing.T, s *site, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

func wantEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantResetError fails unless err reports a stream reset with INTERNAL_ERROR.
func wantResetError(t *testing.T, err error) {
	t.Helper()
	if code := http2.ErrCodeInternal.String(); err == nil || !strings.Contains(err.Error(), code) {
		t.Errorf("error %v, want one of %v", err, code)
	}
}

var contracts = map[string]contract{
	"default header fields": {
		handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello") },
		client: func(t *testing.T, s *site) {
			res, text := fetch(t, s, "GET", "/", nil)
			wantEqual(t, "body", text, "<html>hello")
			wantEqual(t, "length", res.ContentLength, int64(11))
			wantEqual(t, "type", res.Header.Get("Content-Type"), "text/html; charset=utf-8")
			if at, err := http.ParseTime(res.Header.Get("Date")); err != nil || time.Since(at) > time.Minute {
				t.Errorf("date %q", res.Header.Get("Date"))
			}
		},
	},
	"default header fields can be disabled": {
		handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"], w.Header()["Content-Type"], w.Header()["Content-Length"] = nil, nil, nil
			_, _ = io.WriteString(w, "<html>")
		},
		client: func(t *testing.T, s *site) {
			res, _ := fetch(t, s, "GET", "/", nil)
			wantEqual(t, "date", res.Header.Get("Date"), "")
			wantEqual(t, "type", res.Header.Get("Content-Type"), "")
			wantEqual(t, "length", res.Header.Get("Content-Length"), "")
		},
	},
	"content-type is detected across writes": {
		handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<!DOC"))
			_, _ = w.Write(append([]byte("TYPE HTML>"), make([]byte, 10_000)...))
		},
		client: func(t *testing.T, s *site) {
			res, _ := fetch(t, s, "GET", "/", nil)
			wantEqual(t, "type", res.Header.Get("Content-Type"), "text/html; charset=utf-8")
			wantEqual(t, "length", res.ContentLength, int64(-1))
		},
	},
	"HEAD has the header fields of GET": {
		handler: func(w http.ResponseWriter, _ *http.Request) {
			n, err := io.WriteString(w, "<html>hello")
			if n != 11 || err != nil {
				panic(err)
			}
		},
		client: func(t *testing.T, s *site) {
			res, text := fetch(t, s, "HEAD", "/", nil)
			wantEqual(t, "body", text, "")
			wantEqual(t, "length", res.ContentLength, int64(11))
			wantEqual(t, "type", res.Header.Get("Content-Type"), "text/html; charset=utf-8")
		},
	},
	"204 and 304 have no body": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/204" {
				w.WriteHeader(http.StatusNoContent)
			} else {
				w.WriteHeader(http.StatusNotModified)
			}
			if n, err := io.WriteString(w, "body"); n != 0 || !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(fmt.Sprint(n, err))
			}
		},
		client: func(t *testing.T, s *site) {
			for _, path := range []string{"/204", "/304"} {
				res, text := fetch(t, s, "GET", path, nil)
				wantEqual(t, "status", fmt.Sprint("/", res.StatusCode), path)
				wantEqual(t, "body", text, "")
				wantEqual(t, "type", res.Header.Get("Content-Type"), "")
			}
		},
	},
	"a write beyond content-length fails": {
		handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4")
			_, _ = io.WriteString(w, "four")
			w.(http.Flusher).Flush()
			if _, err := io.WriteString(w, "five"); err == nil {
				panic("write succeeded")
			}
		},
		client: func(t *testing.T, s *site) {
			_, text := fetch(t, s, "GET", "/", nil)
			wantEqual(t, "body", text, "four")
		},
	},
	"announced and unannounced trailers": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			if _, announced := r.Trailer["Sum"]; !announced || r.Header.Get("Trailer") != "" {
				panic("request trailers are not in Request.Trailer")
			}
			w.Header().Set("Trailer", "Announced, Content-Length")
			_, _ = io.Copy(w, r.Body)
			w.(http.Flusher).Flush()
			w.Header().Set("Announced", r.Trailer.Get("Sum"))
			w.Header().Set("Late", "no")
			w.Header().Set(http.TrailerPrefix+"Later", "yes")
			w.Header().Set(http.TrailerPrefix+"Content-Length", "9")
		},
		client: func(t *testing.T, s *site) {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, io.MultiReader(strings.NewReader("body")))
			req.Trailer = http.Header{"Sum": nil}
			req.Body = &onEOF{req.Body, func() { req.Trailer.Set("Sum", "4") }}
			res, text := do(t, s, req)
			wantEqual(t, "body", text, "body")
			wantEqual(t, "trailers", list(res.Trailer), "Announced=4|Content-Length=|Later=yes")
		},
	},
	"full duplex": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			if err := errors.Join(control.EnableFullDuplex(), control.Flush()); err != nil {
				panic(err)
			}
			buf := make([]byte, 100)
			for {
				n, err := r.Body.Read(buf)
				_, _ = w.Write(buf[:n])
				if flushed := control.Flush(); err != nil || flushed != nil {
					return
				}
			}
		},
		client: func(t *testing.T, s *site) {
			pr, pw := io.Pipe()
			res, err := s.client.Post(s.url, "text/plain", pr)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			for range 50 {
				_, _ = io.WriteString(pw, "ping")
				buf := make([]byte, 4)
				if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != "ping" {
					t.Fatalf("%q, %v", buf, err)
				}
			}
			pw.Close()
			rest, err := io.ReadAll(res.Body)
			wantEqual(t, "rest", fmt.Sprint(len(rest), err), "0 <nil>")
		},
	},
	"100 Continue is sent when the body is read": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Expect") != "" {
				panic("the handler sees Expect")
			}
			if r.URL.Path == "/no" {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			_, _ = io.Copy(w, r.Body)
		},
		client: func(t *testing.T, s *site) {
			for path, want := range map[string]string{"/no": "403 false no\n", "/yes": "200 true body"} {
				continued := false
				trace := &httptrace.ClientTrace{Got100Continue: func() { continued = true }}
				req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, s.url+path, strings.NewReader("body"))
				req.Header.Set("Expect", "100-continue")
				res, text := do(t, s, req)
				wantEqual(t, path, fmt.Sprint(res.StatusCode, " ", continued, " ", text), want)
			}
		},
	},
	"1xx responses": {
		handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Link", "</other.css>")
			w.WriteHeader(http.StatusProcessing)
			w.WriteHeader(http.StatusAccepted)
			w.WriteHeader(http.StatusTeapot) // ignored: too late
		},
		client: func(t *testing.T, s *site) {
			var got []string
			trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
				got = append(got, fmt.Sprint(code, header.Get("Link")))
				return nil
			}}
			req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, s.url, nil)
			res, _ := do(t, s, req)
			wantEqual(t, "status", res.StatusCode, http.StatusAccepted)
			wantEqual(t, "1xx responses", fmt.Sprint(got), "[103</style.css> 102</other.css>]")
		},
	},
	"http.MaxBytesReader": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1000))
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			}
		},
		client: func(t *testing.T, s *site) {
			for n, want := range map[int]int{1000: 200, 1001: 413, 20_000_000: 413} {
				res, err := s.client.Post(s.url, "text/plain", bytes.NewReader(make([]byte, n)))
				if err != nil {
					t.Error(err)
					continue
				}
				res.Body.Close()
				wantEqual(t, fmt.Sprint(n), res.StatusCode, want)
			}
		},
	},
	"no Hijack": {
		handler: func(w http.ResponseWriter, _ *http.Request) {
			_, hijacker := w.(http.Hijacker)
			_, _, err := http.NewResponseController(w).Hijack()
			fmt.Fprint(w, hijacker, errors.Is(err, http.ErrNotSupported))
		},
		client: func(t *testing.T, s *site) {
			_, text := fetch(t, s, "GET", "/", nil)
			wantEqual(t, "is a Hijacker, returns ErrNotSupported", text, "false true")
		},
	},
	"http.ErrAbortHandler resets the stream": {
		handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "begin")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		client: func(t *testing.T, s *site) {
			res, err := s.client.Get(s.url)
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			wantResetError(t, err)
		},
	},
	"ReadDeadline": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
				panic(err)
			}
			_, err := io.ReadAll(r.Body)
			fmt.Fprint(w, errors.Is(err, os.ErrDeadlineExceeded))
		},
		client: func(t *testing.T, s *site) {
			pr, pw := io.Pipe()
			defer pw.Close()
			_, text := fetch(t, s, "POST", "/", pr)
			wantEqual(t, "exceeded", text, "true")
		},
	},
	"WriteDeadline": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "begin")
			w.(http.Flusher).Flush()
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
				panic(err)
			}
			<-r.Context().Done()
			_, err := w.Write(make([]byte, 1<<20))
			if err == nil {
				panic("write succeeded")
			}
		},
		client: func(t *testing.T, s *site) {
			res, err := s.client.Get(s.url)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			_, err = io.ReadAll(res.Body)
			wantResetError(t, err)
		},
	},
	"WriteTimeout": {
		configure: func(srv *http.Server) { srv.WriteTimeout = 500 * time.Millisecond },
		handler: func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		client: func(t *testing.T, s *site) {
			res, err := s.client.Get(s.url)
			if err == nil {
				defer res.Body.Close()
				_, err = io.ReadAll(res.Body)
			}
			wantResetError(t, err)
		},
	},
	"ReadTimeout": {
		configure: func(srv *http.Server) { srv.ReadTimeout = 500 * time.Millisecond },
		handler: func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			fmt.Fprint(w, errors.Is(err, os.ErrDeadlineExceeded))
		},
		client: func(t *testing.T, s *site) {
			pr, pw := io.Pipe()
			defer pw.Close()
			_, text := fetch(t, s, "POST", "/", pr)
			wantEqual(t, "exceeded", text, "true")
		},
	},
	"MaxHeaderBytes": {
		configure: func(srv *http.Server) { srv.MaxHeaderBytes = 4 << 10 },
		handler:   respondOK,
		client: func(t *testing.T, s *site) {
			for n, want := range map[int]int{1 << 10: 200, 6 << 10: 431} {
				// Once the client has read SETTINGS_MAX_HEADER_LIST_SIZE, it enforces the
				// limit itself.
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
				for i := range n >> 10 {
					req.Header.Set(fmt.Sprint("X-Long-", i), longValue(1<<10))
				}
				res, err := s.client.Do(req)
				if err != nil {
					if want != 431 || !strings.Contains(err.Error(), "limit") {
						t.Error(err)
					}
					continue
				}
				res.Body.Close()
				wantEqual(t, fmt.Sprint(n), res.StatusCode, want)
			}
		},
	},
	"OPTIONS * bypasses the handler": {
		handler: func(http.ResponseWriter, *http.Request) { panic("OPTIONS * reached the handler") },
		client: func(t *testing.T, s *site) {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.url, nil)
			req.URL.Opaque = "*"
			res, _ := do(t, s, req)
			wantEqual(t, "status", res.StatusCode, 200)
		},
	},
	"context has server, address and base values": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			_, server := r.Context().Value(http.ServerContextKey).(*http.Server)
			fmt.Fprint(w, server, r.Context().Value(http.LocalAddrContextKey), r.Context().Value(contractKey{}))
		},
		configure: func(srv *http.Server) {
			srv.BaseContext = func(net.Listener) context.Context {
				return context.WithValue(context.Background(), contractKey{}, "base")
			}
		},
		client: func(t *testing.T, s *site) {
			_, text := fetch(t, s, "GET", "/", nil)
			wantEqual(t, "values", text, "true "+s.url[strings.LastIndex(s.url, "/")+1:]+"base")
		},
	},
	"a read after Close fails": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			r.Body.Close()
			_, err := r.Body.Read(make([]byte, 1))
			fmt.Fprint(w, err != nil && !errors.Is(err, io.EOF))
		},
		client: func(t *testing.T, s *site) {
			_, text := fetch(t, s, "POST", "/", strings.NewReader("body"))
			wantEqual(t, "error", text, "true")
		},
	},
	"Connection: close ends the connection": {
		handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, r.RemoteAddr)
		},
		client: func(t *testing.T, s *site) {
			res, one := fetch(t, s, "GET", "/", nil)
			wantEqual(t, "field", res.Header.Get("Connection"), "")
			for range 100 {
				if _, two := fetch(t, s, "GET", "/", nil); one != two {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Error("the connection was reused")
		},
	},
}

type contractKey struct{}

// onBothServers runs test on net/http's server and this one, as h2c and over TLS.
func onBothServers(t *testing.T, test func(t *testing.T, own, secure bool)) {
	t.Helper()
	for _, own := range []bool{false, true} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("own=%v,TLS=%v", own, secure), func(t *testing.T) { test(t, own, secure) })
		}
	}
}

func TestHandlerContract(t *testing.T) {
	onBothServers(t, func(t *testing.T, own, secure bool) {
		for name, c := range contracts {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				log := &logBuffer{}
				srv := &http.Server{Handler: c.handler, ErrorLog: log.logger()}
				if c.configure != nil {
					c.configure(srv)
				}
				s := serveBy(t, own, secure, h2.Options{Logger: slog.New(slog.NewTextHandler(log, nil))}, srv)
				c.client(t, s)
				if text := log.String(); strings.Contains(text, "panic") {
					t.Error(text)
				}
			})
		}
	})
}

// logBuffer collects a log.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logBuffer) logger() *log.Logger { return log.New(l, "", 0) }

func TestPanicsAreLogged(t *testing.T) {
	onBothServers(t, func(t *testing.T, own, secure bool) {
		log := &logBuffer{}
		srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("test panic") }), ErrorLog: log.logger()}
		s := serveBy(t, own, secure, h2.Options{Logger: slog.New(slog.NewTextHandler(log, nil))}, srv)
		_, err := s.client.Get(s.url)
		wantResetError(t, err)
		// The server logs after it has reset the stream.
		for range 1000 {
			if strings.Contains(log.String(), "test panic") {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if text := log.String(); !strings.Contains(text, "test panic") || !strings.Contains(text, "contract_test.go") {
			t.Errorf("logged: %q", text)
		}
	})
}

// A handler sees that its client has canceled, or that its connection is lost.
func TestHandlersSeeClientsLeave(t *testing.T) {
	onBothServers(t, func(t *testing.T, own, secure bool) {
		ended := make(chan error, 1)
		handler := func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			_, err := io.ReadAll(r.Body)
			<-r.Context().Done()
			if _, failed := w.Write(make([]byte, 1<<20)); failed == nil {
				err = errors.Join(err, errors.New("write succeeded"))
			}
			ended <- err
		}
		s := serveBy(t, own, secure, h2.Options{}, &http.Server{Handler: http.HandlerFunc(handler)})
		for _, lost := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			pr, pw := io.Pipe()
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.url, pr)
			var nc net.Conn
			transport := s.client.Transport.(*http.Transport).Clone()
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				var d net.Dialer
				var err error
				nc, err = d.DialContext(ctx, network, address)
				return nc, err
			}
			client := &http.Client{Transport: transport}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if lost {
				nc.Close()
			} else {
				cancel()
				pw.CloseWithError(context.Canceled) // unblocks the client's read of its body
			}
			if err := <-ended; err == nil || strings.Contains(err.Error(), "write succeeded") {
				t.Errorf("connection lost %v: error %v", lost, err)
			}
			cancel()
			pw.Close()
			res.Body.Close()
			transport.CloseIdleConnections()
		}
	})
}
