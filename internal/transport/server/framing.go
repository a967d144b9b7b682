package server

import (
	"bytes"
	"net/http"
	"sync/atomic"
)

// framing counts the header fields that state the length of a body, as they arrive on a connection
// of HTTP/1 in cleartext. net/http removes the contradictory ones before a handler sees the request:
// of a request with Transfer-Encoding it removes Content-Length, and of one of HTTP/1.0 it ignores
// Transfer-Encoding. A proxy before the server may believe the other field. What follows such a
// request must not be served, since the client may have hidden it from the proxy (request
// smuggling, RFC 9112, sections 6.1 and 11.2).
//
// Under TLS the bytes of a connection are encrypted, and its requests are not checked: net/http
// decrypts them itself. A client without a proxy before the server hides requests from nobody.
type framing struct {
	lengths, codings fieldCounter
}

func newFraming() *framing {
	return &framing{lengths: fieldCounter{name: "content-length:"}, codings: fieldCounter{name: "transfer-encoding:"}}
}

// headerReadBytes is the size of the buffer by which net/http reads headers. Larger reads are of
// bodies.
const headerReadBytes = 4096

// received counts the fields in what a read into size bytes has received.
func (f *framing) received(p []byte, size int) {
	if size <= headerReadBytes {
		f.lengths.add(p)
		f.codings.add(p)
	}
}

// ambiguous reports whether a request may have had fields that contradict each other. Counted fields
// that no request has accounted for are those of this request, of requests behind it, or text of a
// body: in doubt it is true.
func (f *framing) ambiguous(r *http.Request) bool {
	if len(r.TransferEncoding) > 0 {
		return f.codings.take(1) < 0 || f.lengths.left() > 0
	}
	f.lengths.take(len(r.Header["Content-Length"]))
	return !r.ProtoAtLeast(1, 1) && f.codings.left() > 0
}

// fieldCounter counts the lines that begin with the name of a header field. One goroutine at a time
// adds, and another one takes.
type fieldCounter struct {
	name    string // in lower case, with its colon
	matched int    // characters of name at the beginning of the current line
	within  bool   // the current line may still begin with name
	count   atomic.Int64
}

func (c *fieldCounter) add(p []byte) {
	for len(p) > 0 {
		if !c.within {
			end := bytes.IndexByte(p, '\n')
			if end < 0 {
				return
			}
			p, c.matched, c.within = p[end+1:], 0, true
			continue
		}
		// The bit makes letters lower case, and is set in '-' and ':'.
		if p[0]|0x20 != c.name[c.matched] {
			c.within = false
			continue
		}
		p = p[1:]
		if c.matched++; c.matched == len(c.name) {
			c.count.Add(1)
			c.within = false
		}
	}
}

// take removes n fields and returns how many are left.
func (c *fieldCounter) take(n int) int64 { return c.count.Add(-int64(n)) }

func (c *fieldCounter) left() int64 { return c.count.Load() }

// closeAmbiguous closes the connection after the response to a request whose framing is ambiguous.
func closeAmbiguous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 {
			if c := connectionOf(r.Context()); c != nil && c.framing != nil && c.framing.ambiguous(r) {
				w.Header().Set("Connection", "close")
			}
		}
		next.ServeHTTP(w, r)
	})
}
