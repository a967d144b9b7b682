package server_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// hidden is what follows a request whose length could be understood in two ways.
const hidden = "GET /readyz HTTP/1.1\r\nHost: hidden\r\nConnection: close\r\n\r\n"

// responses sends text on a connection of its own and returns the status lines until the server
// closes the connection.
func responses(t *testing.T, address, text string) []string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }() // the server may close before the end
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) { // which closes it, too: with data unread
		t.Errorf("%.60q: the connection is not closed: %v", text, err)
	}
	var lines []string
	for i, response := range strings.Split(string(all), "HTTP/1.") {
		if line, _, _ := strings.Cut(response, "\r\n"); i > 0 && !strings.HasPrefix(line, "1 100") {
			lines = append(lines, line[2:])
		}
	}
	return lines
}

// framedPaths are request lines whose handlers treat bodies in different ways.
var framedPaths = map[string]string{
	"REST":              "POST /v2/models/m/infer",
	"REST with GET":     "GET /v2",
	"the page":          "GET /",
	"a probe":           "GET /livez",
	"RPC":               "POST /modelserving.Predictor/FastPredict",
	"unknown procedure": "POST /a.B/C",
	"options":           "OPTIONS *",
}

// A request whose body may end in two places is the last of its connection: a proxy may have taken
// what follows for its body.
func TestRequestsOfAmbiguousLengthAreTheLast(t *testing.T) {
	address, _ := start(t, server.Options{})
	for path, line := range framedPaths {
		for name, framing := range map[string]string{
			"both":                           " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"both in the other order":        " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
			"both in lower case":             " HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
			"both with bare line feeds":      " HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nContent-Length: 5\n\n0\r\n\r\n",
			"both after large headers":       " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX: " + strings.Repeat("x", 20_000) + "\r\nContent-Length: 5\r\nY: " + strings.Repeat("y", 20_000) + "\r\n\r\n0\r\n\r\n",
			"both, the length twice":         " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"chunked in HTTP/1.0":            " HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
			"chunked in HTTP/1.0 and length": " HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
			"a bad chunk":                    " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
			"a negative chunk":               " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
			"a chunk that overflows":         " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
			"a chunk without its end":        " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
			"a chunk's bare line feed":       " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nx\r\n0\r\n\r\n",
			"a bad trailer":                  " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad\r\n\r\n",
			"two lengths":                    " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
			"a list of lengths":              " HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n12345",
			"a negative length":              " HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n12345",
			"a length with a sign":           " HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n12345",
			"a length that overflows":        " HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551621\r\n\r\n12345",
			"a blank before the colon":       " HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n12345",
			"an unknown coding":              " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
			"two codings":                    " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
			"a coding twice":                 " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"identity":                       " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n12345",
			"a coding with a control":        " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
			"a bare carriage return":         " HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 5\r\n\r\n12345",
			"a line without a colon":         " HTTP/1.1\r\nHost: x\r\nbad\r\nContent-Length: 5\r\n\r\n12345",
			"two hosts":                      " HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 5\r\n\r\n12345",
		} {
			t.Run(path+"/"+name, func(t *testing.T) {
				t.Parallel()
				if got := responses(t, address, line+framing+hidden); len(got) != 1 {
					t.Errorf("responses %q, want one", got)
				}
			})
		}
	}
}

// Requests of one meaning leave the connection open, also behind others on the same connection.
func TestRequestsOfOneLengthKeepTheConnection(t *testing.T) {
	address, _ := start(t, server.Options{})
	const line = "POST /v2/x"
	length := line + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345"
	chunked := line + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"
	large := line + " HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 50_000)
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"a length":             {length, 2},
		"chunks":               {chunked, 2},
		"lengths, then chunks": {length + large + length + chunked + chunked, 6},
		"chunks with trailers": {line + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 2},
		"HTTP/1.0":             {line + " HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n12345", 2},
		"equal lengths":        {line + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n12345", 2},
		"no body":              {"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 2},
	} {
		if got := responses(t, address, test.text+hidden); len(got) != test.want {
			t.Errorf("%s: responses %q, want %d", name, got, test.want)
		}
	}
}
