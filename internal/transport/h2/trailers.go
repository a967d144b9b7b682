package h2

import (
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// declaredTrailers removes Trailer from a header and returns its names. net/http lists them
// in Request.Trailer before the body is read.
func declaredTrailers(header http.Header) http.Header {
	trailer := http.Header{}
	for _, value := range header["Trailer"] {
		for name := range strings.SplitSeq(value, ",") {
			switch name = http.CanonicalHeaderKey(textproto.TrimString(name)); name {
			case "", "Transfer-Encoding", "Trailer", "Content-Length":
			default:
				trailer[name] = nil
			}
		}
	}
	delete(header, "Trailer")
	return trailer
}

// endWithTrailers ends the body of the stream whose trailers were read.
func (c *conn) endWithTrailers() error {
	b := &c.headers
	c.mu.Lock()
	st := c.streams[b.id]
	c.mu.Unlock()
	if st == nil {
		return nil // it has ended in the meantime
	}
	if b.malformed != "" {
		return streamError{b.id, codeProtocol, b.malformed}
	}
	if b.tooLarge {
		return streamError{b.id, codeEnhanceYourCalm, "trailers too large"}
	}
	return c.endBody(st, b.header)
}

// announcedTrailers returns the names that a response header announces as trailers.
func announcedTrailers(header http.Header) []string {
	var names []string
	for _, value := range header["Trailer"] {
		for name := range strings.SplitSeq(value, ",") {
			if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); httpguts.ValidTrailerHeader(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// trailers yields the trailer fields of the response with canonical names: the announced
// ones, and those with http.TrailerPrefix.
func (w *responseWriter) trailers(yield func(name string, values []string) bool) {
	for _, name := range w.announced {
		if values := w.header[name]; len(values) > 0 && !yield(name, values) {
			return
		}
	}
	for name, values := range w.header {
		if len(name) <= len(http.TrailerPrefix) || name[:len(http.TrailerPrefix)] != http.TrailerPrefix || len(values) == 0 {
			continue
		}
		if short := http.CanonicalHeaderKey(name[len(http.TrailerPrefix):]); httpguts.ValidTrailerHeader(short) && !yield(short, values) {
			return
		}
	}
}

// hasTrailers reports whether the response has trailers.
func (w *responseWriter) hasTrailers() bool {
	for range w.trailers {
		return true
	}
	return false
}
