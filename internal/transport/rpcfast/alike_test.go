package rpcfast_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
)

var (
	procedures   = []string{"Unary", "Client", "Server", "Bidi"}
	contentTypes = []string{
		"application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpc-web+proto", "application/proto",
		"application/connect+proto", typeJSON, "application/grpc+json", "Application/GRPC", "application/proto; charset=utf-8", "application/grpc+thrift", "",
	}
)

const typeJSON = "application/json"

func isEnveloped(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(contentType), "application/grpc") || strings.HasPrefix(contentType, "application/connect+")
}

// Every script is answered alike by the fast and the slow path, over every protocol.
func TestHandlersAreServedAlike(t *testing.T) {
	both := bothSides()
	for _, letters := range []string{
		"", "s", "S", "M", "0", "hs", "gs", "ts", "us", "htgus", "stu", "sss", "sM0S", "Hs", "hHts", "H", "h", "t", "ht",
		"f", "hf", "tf", "htf", "Hf", "sf", "hstf", "b", "o", "p", "c", "d", "z", "x", "n", "hx", "xs", "sx", "tn",
		"rs", "re", "Rs", "Re", "rrr", "m", "me", "Mf", "uf", "hMtu",
	} {
		for _, procedure := range procedures {
			for _, contentType := range contentTypes[:7] {
				for _, raw := range []int{0, 3000, 6000} {
					body := script(t, letters, raw)
					if isEnveloped(contentType) {
						body = envelope(0, body)
					} else if contentType == typeJSON {
						body = asJSON(body)
					}
					name := fmt.Sprintf("%s %s %s", letters, procedure, contentType)
					header := map[string]string{"Content-Type": contentType, "X-Question": "a", "User-Agent": "test", "Te": "trailers"}
					both.checkSame(t, name, request{procedure: procedure, method: http.MethodPost, header: header, body: body, sized: raw == 0, major: 2})
					header["Grpc-Accept-Encoding"], header["Accept-Encoding"], header["Connect-Accept-Encoding"] = "identity, br,gzip", "gzip", "gzip"
					both.checkSame(t, name, request{procedure: procedure, method: http.MethodPost, header: header, body: body, slow: true, major: 1 + raw/6000})
				}
			}
		}
	}
}

// What is malformed, too large, compressed or of no protocol is answered alike, too.
func TestRequestsAreReadAlike(t *testing.T) {
	both := bothSides()
	good := script(t, "Rse", 0)
	with := func(pairs ...string) map[string]string {
		header := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			header[pairs[i]] = pairs[i+1]
		}
		return header
	}
	envelopes := map[string][]byte{
		"none":               {},
		"empty message":      envelope(0, nil),
		"two":                append(envelope(0, good), envelope(0, good)...),
		"second empty":       append(envelope(0, good), envelope(0, nil)...),
		"second cut":         append(envelope(0, good), 0, 0, 0, 0, 9, 1),
		"second prefix cut":  append(envelope(0, good), 0, 0),
		"second malformed":   append(envelope(0, good), envelope(0, []byte{0xff})...),
		"second marked":      append(envelope(0, good), envelope(1, good)...),
		"prefix cut":         {0, 0},
		"cut":                {0, 0, 0, 0, 9, 1},
		"cut at once":        {0, 0, 0, 0, 9},
		"malformed":          envelope(0, []byte{0xff}),
		"bad text":           envelope(0, []byte("\x0a\x01\xff")),
		"marked compressed":  envelope(1, zip(good)),
		"marked and empty":   envelope(1, nil),
		"compressed and bad": envelope(1, []byte("no gzip")),
		"other flag":         envelope(8, good),
		"other flag and cut": {8, 0, 0, 0, 9, 1},
		"end":                envelope(0x80, []byte("x-a: b\r\n")),
		"end, malformed":     envelope(0x80, []byte("x-a")),
		"end, empty":         envelope(0x80, nil),
		"end, compressed":    envelope(0x81, zip([]byte("x-a: b\r\n"))),
		"message and end":    append(envelope(0, good), envelope(0x80, []byte("x-a: b\r\n"))...),
		"end and more":       append(append(envelope(0, good), envelope(0x80, nil)...), 1, 2, 3),
		"largest":            envelope(0, script(t, "s", sameLimit-30)),
		"too large":          envelope(0, script(t, "s", sameLimit)),
		"too large, cut":     {0, 0xff, 0xff, 0xff, 0xff, 1, 2},
		"too large in two":   append(append(envelope(0, script(t, "rrRe", 0)), envelope(0, make([]byte, 2*sameLimit))...), envelope(0, good)...),
		"bomb":               envelope(1, zip(make([]byte, 10*sameLimit))),
	}
	headers := map[string]map[string]string{
		"plain":              with(),
		"identity":           with("Grpc-Encoding", "identity", "Content-Encoding", "identity"),
		"gzip":               with("Grpc-Encoding", "gzip", "Connect-Content-Encoding", "gzip"),
		"unknown":            with("Grpc-Encoding", "zz", "Connect-Content-Encoding", "zz", "Content-Encoding", "zz"),
		"accepts":            with("Grpc-Accept-Encoding", "zz,gzip", "Accept-Encoding", "gzip;q=1, gzip"),
		"web text":           with("Content-Encoding", "gzip"),
		"version":            with("Connect-Protocol-Version", "1"),
		"later version":      with("Connect-Protocol-Version", "2"),
		"timeout":            with("Grpc-Timeout", "60M", "Connect-Timeout-Ms", "3600000"),
		"no time":            with("Grpc-Timeout", "0n", "Connect-Timeout-Ms", "0"),
		"hours":              with("Grpc-Timeout", "99999999H", "Connect-Timeout-Ms", "9999999999"),
		"seconds":            with("Grpc-Timeout", "99999999S"),
		"other's timeout":    with("Grpc-Timeout", "", "Connect-Timeout-Ms", "x"),
		"bad unit":           with("Grpc-Timeout", "5x"),
		"no digits":          with("Grpc-Timeout", "S", "Connect-Timeout-Ms", "-"),
		"negative":           with("Grpc-Timeout", "-5S", "Connect-Timeout-Ms", "-5"),
		"signed":             with("Grpc-Timeout", "+500S", "Connect-Timeout-Ms", "+500000"),
		"nine digits":        with("Grpc-Timeout", "123456789S", "Connect-Timeout-Ms", "12345678901"),
		"metadata":           with("X-A", "a", "X-B-Bin", "AAEC", "Cookie", "c=d", "Authorization", "Bearer x"),
		"protocol's own too": with("Grpc-Status", "3", "Trailer", "x", "Connect-Accept-Encoding", "gzip", "Grpc-Message", "m"),
	}
	ends := map[string]error{
		"": nil, "cut": io.ErrUnexpectedEOF, "canceled": context.Canceled, "slow": fmt.Errorf("read: %w", context.DeadlineExceeded),
		"other": errors.New("broken"), "gone": errors.New("client disconnected"), "coded": connect.NewError(connect.CodeDeadlineExceeded, "the body came too slowly"),
		"over": &http.MaxBytesError{Limit: 77},
	}
	for _, procedure := range procedures {
		for _, contentType := range contentTypes {
			for bodyName, body := range envelopes {
				if !isEnveloped(contentType) && len(body) >= 5 {
					body = body[5:]
				}
				if contentType == typeJSON {
					body = asJSON(body)
				}
				for headerName, header := range headers {
					if headerName != "plain" && bodyName != "two" && bodyName != "second empty" && bodyName != "marked compressed" {
						continue
					}
					header := maps.Clone(header)
					if contentType != "" {
						header["Content-Type"] = contentType
					}
					for endName, end := range ends {
						if end != nil && headerName != "plain" {
							continue
						}
						for _, major := range []int{1, 2} {
							name := fmt.Sprintf("%s %s, %s, header %s, end %s, HTTP/%d", procedure, contentType, bodyName, headerName, endName, major)
							both.checkSame(t, name, request{procedure: procedure, method: http.MethodPost, header: header, body: body, end: end, sized: end == nil && major == 1, major: major})
						}
					}
				}
			}
		}
		for _, contentType := range contentTypes[:7] {
			both.checkSame(t, "still", request{procedure: procedure, method: http.MethodPost, header: with("Content-Type", contentType), body: envelope(0, good), major: 2, still: true})
		}
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodOptions, http.MethodHead} {
			both.checkSame(t, method, request{procedure: procedure, method: method, header: with("Content-Type", "application/grpc"), major: 2})
			both.checkSame(t, method, request{procedure: procedure, method: method, query: "?connect=v1&encoding=proto&message=", major: 2})
		}
	}
	both.checkSame(t, "unknown", request{procedure: "Nothing", method: http.MethodPost, header: with("Content-Type", "application/grpc"), body: envelope(0, good), major: 2})
}

// FuzzAlike: any request is answered alike by the fast and the slow path.
func FuzzAlike(f *testing.F) {
	f.Add(uint8(0), uint8(0), uint8(0), "", "", "hstu", []byte{})
	f.Add(uint8(3), uint8(2), uint8(3), "5S", "gzip", "Rsf", envelope(0, script(f, "s", 10)))
	f.Add(uint8(1), uint8(4), uint8(0x17), "123", "identity,gzip", "M", []byte{1, 0, 0, 0, 1, 7})
	f.Add(uint8(2), uint8(3), uint8(0xff), "x", "", "HS", envelope(0x80, []byte("a: b\r\n")))
	both := bothSides()
	f.Fuzz(func(t *testing.T, procedure, kind, options uint8, timeout, accept, letters string, tail []byte) {
		// A deadline that passes while the handler runs may affect one path and not the
		// other.
		if strings.ContainsAny(timeout, "num") || len(timeout) > 0 && len(timeout) < 6 && timeout != "0" {
			return
		}
		contentType := contentTypes[int(kind)%len(contentTypes)]
		q := request{
			procedure: procedures[int(procedure)%len(procedures)], method: http.MethodPost,
			header: map[string]string{
				"Content-Type": contentType, "Grpc-Timeout": timeout, "Connect-Timeout-Ms": timeout,
				"Grpc-Accept-Encoding": accept, "Accept-Encoding": accept, "Connect-Accept-Encoding": accept,
			},
			sized: options&1 != 0, slow: options&2 != 0, major: 1 + int(options>>2&1),
		}
		for _, encoding := range []string{"Grpc-Encoding", "Content-Encoding", "Connect-Content-Encoding"} {
			q.header[encoding] = []string{"", "", "identity", "gzip"}[options>>3&3]
		}
		if options&32 != 0 {
			q.end = io.ErrUnexpectedEOF
		}
		if options&64 == 0 {
			q.body = script(t, strings.ToValidUTF8(letters, ""), int(options>>7)*5000)
			if isEnveloped(contentType) {
				q.body = envelope(0, q.body)
			} else if contentType == typeJSON {
				q.body = asJSON(q.body)
			}
		}
		q.body = append(q.body, tail...)
		both.checkSame(t, "fuzzed", q)
	})
}
