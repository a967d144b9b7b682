package h2

import (
	"context"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// openStream creates the request of the complete header block and queues its handler.
func (c *conn) openStream() error {
	b := &c.headers
	if reason := b.validate(); reason != "" {
		return streamError{b.id, codeProtocol, reason}
	}
	st := newStream(c, b.id)
	st.remoteClosed = b.endStream
	switch {
	case b.tooLarge:
		st.handler = http.HandlerFunc(respondHeaderTooLarge)
		b.header = http.Header{}
	case b.path == "*" && !c.server.httpServer.DisableGeneralOptionsHandler:
		st.handler = http.HandlerFunc(respondOptions)
	}
	if reason := st.makeRequest(b); reason != "" {
		return streamError{b.id, codeProtocol, reason}
	}
	c.mu.Lock()
	st.sendWindow = c.peer.initialWindow
	c.streams[b.id] = st
	c.handlers++
	c.mu.Unlock()
	c.toStart = append(c.toStart, st)
	return nil
}

// validate returns what is wrong with a request's fields (RFC 9113, section 8.3.1); "" if
// nothing is.
func (b *headerBlock) validate() string {
	hosts := b.header["Host"]
	switch {
	case b.malformed != "":
		return b.malformed
	case b.tooLarge:
		return "" // answered with 431
	case b.method == "":
		return ":method is missing"
	case !isToken(b.method):
		return ":method is malformed"
	case len(hosts) > 1 && b.authority == "":
		// Beside :authority, host is ignored: gRPC's clients send metadata of that name, which
		// the proxies before the server route by.
		return "duplicate host" // RFC 9113, section 8.3.1
	case !httpguts.ValidHostHeader(b.authority), strings.Contains(b.authority, "@"):
		return ":authority is malformed"
	case b.method == http.MethodConnect:
		if b.scheme != "" || b.path != "" || b.authority == "" {
			return "CONNECT requires :authority, and no :scheme and :path" // RFC 9113, section 8.5
		}
	case b.scheme == "" || b.path == "":
		return ":scheme or :path is missing"
	case b.path[0] != '/' && (b.path != "*" || b.method != http.MethodOptions):
		return ":path does not begin with /"
	case b.scheme != "http" && b.scheme != "https":
		return ":scheme is neither http nor https"
	}
	return ""
}

func isToken(s string) bool {
	for _, r := range s {
		if !httpguts.IsTokenRune(r) {
			return false
		}
	}
	return s != ""
}

// makeRequest creates the stream's request, and returns the reason if it is malformed.
func (st *stream) makeRequest(b *headerBlock) string {
	c := st.conn
	host := b.authority
	if host == "" {
		host = b.header.Get("Host")
	}
	delete(b.header, "Host")
	if len(b.cookies) > 0 {
		b.addField("Cookie", strings.Join(b.cookies, "; ")) // RFC 9113, section 8.2.3
	}
	length, reason := b.contentLength()
	if reason != "" {
		return reason
	}
	continues := httpguts.HeaderValuesContainsToken(b.header["Expect"], "100-continue")
	if continues {
		delete(b.header, "Expect") // the server answers it, as net/http does
	}
	var target *url.URL
	uri := b.path
	switch {
	case b.tooLarge:
		if b.method != http.MethodHead { // its response has no body
			b.method = http.MethodGet
		}
		uri, target = "/", &url.URL{Path: "/"}
	case b.method == http.MethodConnect:
		target, uri = &url.URL{Host: b.authority}, b.authority
	default:
		var err error
		if target, err = c.parsePath(b.path); err != nil {
			return ":path is malformed"
		}
	}
	ctx, cancel := context.WithCancelCause(c.ctx)
	st.cancel = cancel
	r := emptyRequest.WithContext(ctx)
	r.Method, r.URL, r.RequestURI, r.Host, r.Header = b.method, target, uri, host, b.header
	r.Proto, r.ProtoMajor, r.RemoteAddr, r.TLS = "HTTP/2.0", 2, c.remoteAddr, c.tls
	r.ContentLength, r.Body = length, http.NoBody
	if b.header["Trailer"] != nil {
		st.trailer = declaredTrailers(b.header)
		r.Trailer = st.trailer
	}
	if !b.endStream {
		st.body.init(st, length, b.header, continues)
		r.Body = &st.body
		if limit := c.server.httpServer.ReadTimeout; limit > 0 {
			st.body.setDeadline(time.Now().Add(limit))
		}
	}
	st.request = r
	return ""
}

// parsePath parses :path, which often equals that of the previous request.
func (c *conn) parsePath(path string) (*url.URL, error) {
	if path != c.lastPath {
		target, err := url.ParseRequestURI(path)
		if err != nil {
			return nil, err
		}
		c.lastPath, c.lastURL = path, *target
	}
	target := c.lastURL // a copy: handlers may change it
	return &target, nil
}

// contentLength returns the length that content-length declares, -1 if it is unknown, and
// the reason if it is malformed (RFC 9110, section 8.6).
func (b *headerBlock) contentLength() (length int64, reason string) {
	length = -1
	if values, ok := b.header["Content-Length"]; ok {
		n, err := strconv.ParseUint(textproto.TrimString(values[0]), 10, 63)
		if err != nil {
			return 0, "content-length is not a number"
		}
		for _, other := range values[1:] {
			if other != values[0] {
				return 0, "conflicting content-length values"
			}
		}
		length = int64(n)
	}
	if b.endStream {
		if length > 0 {
			return 0, "content-length above 0 without a body"
		}
		length = 0
	}
	return length, ""
}

// emptyRequest is the origin of each request: WithContext copies it in one allocation.
var emptyRequest = &http.Request{}

func respondHeaderTooLarge(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "request header fields too large", http.StatusRequestHeaderFieldsTooLarge)
}

// respondOptions answers "OPTIONS *", which concerns the server and not a resource of its
// handler, as net/http does.
func respondOptions(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "0")
}
