package h2

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

// holdMost is how much of an answer is held back before its header goes, so that a
// short one has a content-length.
const holdMost = 4 << 10

var (
	_ http.ResponseWriter = (*responseWriter)(nil)
	_ http.Flusher        = (*responseWriter)(nil)
)

// responseWriter is what a handler answers with. As net/http's, it is for one goroutine
// at a time; beside it one may read the body.
type responseWriter struct {
	st     *stream
	header http.Header
	// status is 0 until WriteHeader. snapshot is the header as it was then.
	status   int
	snapshot http.Header
	// begun says that the answer's HEADERS are on their way, and ended that all is.
	begun, ended bool
	// held is the beginning of the body, before HEADERS go.
	held     []byte
	declared int64 // content-length that the handler gave; -1
	written  int64
	complete bool // the handler has returned
	expired  atomic.Bool
	timer    *time.Timer
}

func (w *responseWriter) init(st *stream) {
	w.st, w.header, w.declared = st, make(http.Header, 8), -1
}

// release gives memory back when the handler is done.
func (w *responseWriter) release() {
	if w.held != nil {
		bufpool.Put(w.held)
		w.held = nil
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.ended = true
}

// Header implements http.ResponseWriter.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *responseWriter) WriteHeader(status int) {
	if w.status != 0 || w.ended {
		return
	}
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("h2: status %d is no HTTP status", status))
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.informal(status, w.header)
		return
	}
	w.status = status
	if values := w.header["Content-Length"]; len(values) > 0 {
		n, err := strconv.ParseUint(values[0], 10, 63)
		if err != nil {
			delete(w.header, "Content-Length")
		} else {
			w.declared = int64(n)
		}
	}
	if w.declared >= 0 && w.header["Content-Type"] != nil && w.hasBody() || isEnveloped(w.header) {
		w.begin(false, nil) // nothing is to be learned from the body
		return
	}
	w.snapshot = w.header.Clone()
}

// hasBody reports whether an answer of this status, to this request, has a body.
func (w *responseWriter) hasBody() bool {
	return w.st.request.Method != http.MethodHead && w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(p []byte) (int, error) {
	if err := w.prepare(int64(len(p))); err != nil {
		return 0, err
	}
	if !w.hasBody() {
		return len(p), errIf(w.st.request.Method != http.MethodHead && len(p) > 0, http.ErrBodyNotAllowed)
	}
	if !w.begun {
		if len(w.held)+len(p) <= holdMost {
			if w.held == nil {
				w.held = bufpool.Get(holdMost)[:0]
			}
			w.held = append(w.held, p...)
			return len(p), nil
		}
		first := w.held
		if len(first) == 0 {
			first = p
		}
		w.begin(false, first)
		if err := w.sendHeld(false); err != nil {
			return 0, err
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := w.st.conn.sendData(w.st, p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (w *responseWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// prepare makes sure of a header before n bytes of a body.
func (w *responseWriter) prepare(n int64) error {
	if w.ended {
		return errors.New("h2: Write after the handler has returned")
	}
	if w.expired.Load() {
		return errDeadline
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.written += n; w.declared >= 0 && w.written > w.declared && w.hasBody() {
		return http.ErrContentLength
	}
	return nil
}

// sendHeld sends the part of the body that was held back.
func (w *responseWriter) sendHeld(end bool) error {
	if w.held == nil {
		return nil
	}
	err := w.st.conn.sendData(w.st, w.held, end)
	bufpool.Put(w.held)
	w.held = nil
	return err
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError sends what there is. It returns when that is on its way, not when it is
// written.
func (w *responseWriter) FlushError() error {
	if w.ended {
		return nil
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.begun {
		w.begin(false, w.held)
	}
	if err := w.sendHeld(false); err != nil {
		return err
	}
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armWriter()
	return c.cannotSend(w.st)
}

// finish ends the answer of a handler that has returned.
func (w *responseWriter) finish() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.complete = true
	trailer := w.trailers()
	if !w.begun && len(trailer) == 0 && len(w.held) == 0 {
		w.begin(true, nil)
	} else {
		if !w.begun {
			w.begin(false, w.held)
		}
		w.end(trailer)
	}
	w.ended = true
	c := w.st.conn
	c.mu.Lock()
	c.armWriter()
	c.mu.Unlock()
}

// end ends the stream, with trailers where there are any.
func (w *responseWriter) end(trailer http.Header) {
	if len(trailer) == 0 {
		if w.held != nil {
			_ = w.sendHeld(true) // the peer has gone
		} else {
			_ = w.st.conn.sendData(w.st, nil, true) // likewise
		}
		return
	}
	if err := w.sendHeld(false); err != nil {
		return
	}
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cannotSend(w.st) != nil || w.st.localClosed {
		return
	}
	c.encodeHeader(trailer, nil)
	c.out.headerFrames(w.st.id, true, c.peer.maxFrame)
	w.st.localClosed = true
}

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
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cannotSend(w.st) != nil {
		return
	}
	c.encode(":status", statusText(w.status))
	c.encodeHeader(header, w.isTrailer(header))
	for _, f := range extra {
		c.encode(f[0], f[1])
	}
	c.out.headerFrames(w.st.id, end, c.peer.maxFrame)
	w.st.answered, w.st.localClosed = true, end
}

// fill returns the fields that net/http adds of its own accord: content-length of a
// body that is all there, its type, and the date.
func (w *responseWriter) fill(header http.Header, first []byte) (extra [][2]string) {
	if _, has := header["Date"]; !has {
		extra = append(extra, [2]string{"date", now()})
	}
	if !w.hasBody() {
		return extra
	}
	if _, has := header["Content-Type"]; !has && len(first) > 0 && header.Get("Content-Encoding") == "" {
		extra = append(extra, [2]string{"content-type", http.DetectContentType(first)})
	}
	if w.declared < 0 && w.complete && !w.hasTrailers() {
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
		lower := lowerName(name)
		if !validName(lower) {
			continue
		}
		switch lower {
		case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
			continue
		}
		for _, value := range values {
			if httpguts.ValidHeaderFieldValue(value) {
				c.encode(lower, value)
			}
		}
	}
}

// isTrailer returns the names that the header announces as trailers.
func (w *responseWriter) isTrailer(header http.Header) []string {
	var names []string
	for _, value := range header["Trailer"] {
		for name := range strings.SplitSeq(value, ",") {
			names = append(names, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	return names
}

func (w *responseWriter) hasTrailers() bool {
	return len(w.header["Trailer"]) > 0 || w.trailers() != nil
}

// trailers returns the fields that go behind the body: those that were announced, and
// those with http.TrailerPrefix.
func (w *responseWriter) trailers() http.Header {
	var trailer http.Header
	set := func(name string, values []string) {
		if trailer == nil {
			trailer = http.Header{}
		}
		trailer[name] = values
	}
	for _, name := range w.isTrailer(w.header) {
		if values := w.header[name]; len(values) > 0 {
			set(name, values)
		}
	}
	for name, values := range w.header {
		if short, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			set(http.CanonicalHeaderKey(short), values)
		}
	}
	return trailer
}

// informal sends an answer before the answer (RFC 9110, 15.2).
func (w *responseWriter) informal(status int, header http.Header) {
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cannotSend(w.st) != nil || w.st.localClosed || w.st.answered {
		return
	}
	c.encode(":status", strconv.Itoa(status))
	c.encodeHeader(header, []string{"Content-Length"})
	c.out.headerFrames(w.st.id, false, c.peer.maxFrame)
	c.armWriter()
}

// SetReadDeadline implements the method of http.ResponseController.
func (w *responseWriter) SetReadDeadline(deadline time.Time) error {
	w.st.body.setDeadline(deadline)
	return nil
}

// SetWriteDeadline implements the method of http.ResponseController: at deadline the
// stream is reset.
func (w *responseWriter) SetWriteDeadline(deadline time.Time) error {
	if w.timer != nil {
		w.timer.Stop()
	}
	if deadline.IsZero() {
		w.timer = nil
		return nil
	}
	w.timer = time.AfterFunc(max(time.Until(deadline), 0), func() {
		w.expired.Store(true)
		w.st.conn.resetOpen(w.st, codeInternal, errDeadline)
	})
	return nil
}

// EnableFullDuplex implements the method of http.ResponseController: HTTP/2 always is.
func (w *responseWriter) EnableFullDuplex() error { return nil }
