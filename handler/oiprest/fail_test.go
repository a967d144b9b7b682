package oiprest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// Most clients send everything before they read. They must get the error too, instead of
// a connection reset.
func TestRESTErrorsReachClientsThatSendAllFirst(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.Uint8, -1)}, handlertest.Options{MaxBodyBytes: 1 << 20})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	large := make([]byte, 16<<20)
	chunked := fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(large), large)
	for name, test := range map[string]struct {
		path, header string
		body         []byte
		status       int
		says         string
		closes       bool
	}{
		"too large of a known length":    {"/v2/models/m/infer", "Content-Length: 16777216", large, 413, "1048576", true},
		"too large of an unknown length": {"/v2/models/m/infer", "Transfer-Encoding: chunked", chunked, 413, "1048576", true},
		"an image that is too large":     {"/v2/models/m/infer", "Content-Type: image/png\r\nContent-Length: 16777216", large, 413, "1048576", true},
		"where nobody reads it":          {"/v2/nothing", "Content-Length: 16777216", large, 404, "/v2/nothing", true},
		"a little where nobody reads it": {"/v2/nothing", "Content-Length: 5", large[:5], 404, "/v2/nothing", false},
		"what is read to the end":        {"/v2/models/m/infer", "Content-Length: 5", large[:5], 400, "body", false},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", test.path, test.header)
			if _, err := conn.Write(append([]byte(head), test.body...)); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if failure := (handlertest.Answer{Status: res.StatusCode, Header: res.Header, Body: text}).Failure(t); res.StatusCode != test.status || !strings.Contains(failure, test.says) || res.Close != test.closes {
				t.Errorf("%d %s, closes %v", res.StatusCode, failure, res.Close)
			}
		})
	}
}

// A client that waits for 100 Continue is answered without it if the headers already have
// the error: reading the body would send it.
func TestRESTErrorsPrecede100Continue(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.Uint8, -1)}, handlertest.Options{MaxBodyBytes: 1 << 20})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil || !bytes.HasPrefix(all, []byte("HTTP/1.1 413 ")) {
		t.Errorf("%q, %v", all, err)
	}
}
