package h2

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// begin sends the answer's HEADERS. first is the beginning of the body, as far as it
// is at hand.
func (w *responseWriter) begin(end bool, first []byte) {
	w.begun = true
	header := w.snapshot
	if header == nil {
		header = w.header
	}
	c := w.st.conn
	extra := w.fill(header, first)
	if header.Get("Connection") == "close" {
		c.drain() // what HTTP/2 has for it
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waitToSend(w.st) != nil {
		return
	}
	c.encode(":status", statusText(w.status))
	c.encodeHeader(header, w.announced)
	for _, f := range extra {
		c.encode(f[0], f[1])
	}
	c.out.headerFrames(w.st.id, end, c.peer.maxFrame)
	w.st.answered = true
	if end {
		c.ended(w.st)
	}
}

// fill returns the fields that net/http adds of its own accord: content-length of a
// body that is all there, its type, and the date.
func (w *responseWriter) fill(header http.Header, first []byte) (extra [][2]string) {
	if _, has := header["Date"]; !has {
		extra = append(extra, [2]string{"date", now()})
	}
	if !w.mayHaveBody() {
		return extra
	}
	if _, has := header["Content-Type"]; !has && len(first) > 0 && header.Get("Content-Encoding") == "" {
		extra = append(extra, [2]string{"content-type", http.DetectContentType(first)})
	}
	if _, has := header["Content-Length"]; !has && w.complete && (len(w.held) > 0 || w.hasBody()) {
		extra = append(extra, [2]string{"content-length", strconv.Itoa(len(w.held))})
	}
	return extra
}

// date is the present second and its text, for the Date field.
var date atomic.Pointer[struct {
	second int64
	text   string
}]

func now() string {
	t := time.Now()
	if known := date.Load(); known != nil && known.second == t.Unix() {
		return known.text
	}
	text := t.UTC().Format(http.TimeFormat)
	date.Store(&struct {
		second int64
		text   string
	}{t.Unix(), text})
	return text
}

func statusText(status int) string {
	if status == http.StatusOK {
		return "200"
	}
	return strconv.Itoa(status)
}

// encode encodes a field. The caller holds mu.
func (c *conn) encode(name, value string) {
	_ = c.out.fields.WriteField(hpack.HeaderField{Name: name, Value: value}) // into memory
}

// encodeHeader encodes a header's fields, but for those that skip names. Fields of the
// connection, and malformed ones, are left out. The caller holds mu.
func (c *conn) encodeHeader(header http.Header, skip []string) {
	for name, values := range header {
		if skip != nil && slices.Contains(skip, name) || strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		c.encodeField(name, values)
	}
}

func (c *conn) encodeField(name string, values []string) {
	lower := lowerName(name)
	if !validName(lower) {
		return
	}
	switch lower {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return
	}
	for _, value := range values {
		if httpguts.ValidHeaderFieldValue(value) {
			c.encode(lower, value)
		}
	}
}

// announcedTrailers returns the names that a header announces as trailers.
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

// trailers calls yield with the fields that go behind the body, and their names in
// canonical form: those that were announced, and those with http.TrailerPrefix.
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

// hasTrailers reports whether there are trailers.
func (w *responseWriter) hasTrailers() bool {
	for range w.trailers {
		return true
	}
	return false
}

// informal sends an answer before the answer (RFC 9110, 15.2).
func (w *responseWriter) informal(status int, header http.Header) {
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waitToSend(w.st) != nil || w.st.localClosed || w.st.answered {
		return
	}
	c.encode(":status", strconv.Itoa(status))
	c.encodeHeader(header, []string{"Content-Length"})
	c.out.headerFrames(w.st.id, false, c.peer.maxFrame)
	c.armWriter()
}
