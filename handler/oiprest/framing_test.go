package oiprest_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// TestRESTErrorsOfFramingAreTheLast sends malformed bodies over HTTP/1.1 to the API within the
// server, which reads the rest of a body after an error. What follows a body whose end is unknown is
// no request: it would get the second response.
func TestRESTErrorsOfFramingAreTheLast(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.Uint8, -1)}, handlertest.Options{MaxBodyBytes: 1 << 20})
	s, err := server.New(&telemetry.Lifecycle{}, server.Options{Logger: slog.New(slog.DiscardHandler), MaxMessageBytes: 1 << 20}, server.Endpoint{Name: "api", Routes: []server.Route{{Prefix: "/v2", Handler: h}}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve("api", listener) }()
	defer func() {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	const hidden = "GET /v2/health/live HTTP/1.1\r\nHost: hidden\r\nConnection: close\r\n\r\n"
	post := func(path, headers, body string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n\r\n" + body + hidden
	}
	const infer, chunked = "/v2/models/m/infer", "Transfer-Encoding: chunked"
	good := inferText("UINT8", "[1]", "[1]")
	whole := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(good), good)
	large := fmt.Sprintf("%x\r\n%s\r\n", 400_000, strings.Repeat("x", 400_000))
	for name, test := range map[string]struct {
		text   string
		status string
	}{
		"both, with a good body":       {post(infer, chunked+"\r\nContent-Length: 5", whole), "200"},
		"both, and empty":              {post(infer, "Content-Length: 5\r\n"+chunked, "0\r\n\r\n"), "400"},
		"both, and malformed JSON":     {post(infer, chunked+"\r\nContent-Length: 5", "1\r\nx\r\n0\r\n\r\n"), "400"},
		"both, and no such path":       {post("/v2/x", chunked+"\r\nContent-Length: 5", whole), "404"},
		"both, and chunks that are no": {post(infer, chunked+fmt.Sprintf("\r\nContent-Length: %d", len(good)), good), "400"},
		"a bad chunk":                  {post(infer, chunked, "zz\r\n"), "400"},
		"a bad chunk after a good one": {post(infer, chunked, "1\r\n{\r\nzz\r\n"), "400"},
		"a bad chunk to no such path":  {post("/v2/x", chunked, "zz\r\n"), "404"},
		"a bad chunk after much":       {post(infer, chunked, large+"zz\r\n"), "400"},
		"a bad chunk behind an error":  {post(infer, chunked+"\r\nContent-Encoding: br", large+"zz\r\n"), "415"},
		"a bad chunk to another":       {post("/v2/models/m", chunked, large+"zz\r\n"), "405"},
		"a bad trailer":                {post(infer, chunked, strings.TrimSuffix(whole, "\r\n")+"bad\r\n\r\n"), "400"},
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, test.text) }() // the server may close before the end
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(conn)
		if n := strings.Count(string(all), "HTTP/1.1 "); err != nil || n != 1 || !strings.HasPrefix(string(all), "HTTP/1.1 "+test.status+" ") {
			t.Errorf("%s: %d responses %.200q, want one with %s; error %v", name, n, all, test.status, err)
		}
		_ = conn.Close()
	}
}
