package server

import (
	"strings"
	"testing"
)

func TestFieldCounterCountsLinesInPieces(t *testing.T) {
	for text, want := range map[string]int64{
		"":                      0,
		"Content-Length: 5\r\n": 0, // where the request line is
		"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n":              1,
		"GET / HTTP/1.1\ncontent-length:5\n\n":                     1,
		"GET / HTTP/1.1\r\nCONTENT-LENGTH: 5\r\ncOnTeNt-LeNgTh: 5": 2,
		"\r\nX-Content-Length: 5\r\n":                              0,
		"\r\n Content-Length: 5\r\n":                               0,
		"\r\nContent-Length : 5\r\n":                               0,
		"\r\nContent-Lengths: 5\r\n":                               0,
		"\r\nX: Content-Length: 5\r\n":                             0,
		"\r\nContent-\nContent-Length: 5":                          1,
		"\n\n\nContent-Length:\nX: y\ncontent-length:":             2,
		"\r\nContent-Length":                                       0,
	} {
		for piece := 1; piece <= len(text)+1; piece++ {
			c := fieldCounter{name: "content-length:"}
			for rest := []byte(text); len(rest) > 0; rest = rest[min(piece, len(rest)):] {
				c.add(rest[:min(piece, len(rest))])
			}
			if got := c.left(); got != want {
				t.Errorf("%q in pieces of %d bytes: %d, want %d", text, piece, got, want)
			}
		}
	}
}

func TestFramingIgnoresReadsOfBodies(t *testing.T) {
	f := newFraming()
	header := []byte("\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n")
	f.received([]byte(strings.Repeat(string(header), 100)), headerReadBytes+1)
	if f.lengths.left() != 0 || f.codings.left() != 0 {
		t.Errorf("%d and %d fields", f.lengths.left(), f.codings.left())
	}
	f.received(header, headerReadBytes)
	if f.lengths.left() != 1 || f.codings.left() != 1 {
		t.Errorf("%d and %d fields", f.lengths.left(), f.codings.left())
	}
}
