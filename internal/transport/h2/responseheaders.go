package h2

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// sendHeaders queues HEADERS of the response. first is the known beginning of the body.
func (w *responseWriter) sendHeaders(end bool, first []byte) {
	w.headersSent = true
	header := w.snapshot
	if header == nil {
		header = w.header
	}
	c := w.st.conn
	extra := w.defaultFields(header, first)
	if header.Get("Connection") == "close" {
		c.drain() // GOAWAY is HTTP/2's equivalent
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waitToSendLocked(w.st) != nil {
		return
	}
	c.encodeLocked(":status", statusText(w.status))
	c.encodeHeaderLocked(header, w.announced)
	for _, f := range extra {
		c.encodeLocked(f[0], f[1])
	}
	c.send.appendHeaders(w.st.id, end, c.peer.maxFrame)
	w.st.headersSent = true
	if end {
		c.responseEndedLocked(w.st)
	}
}

// defaultFields returns the fields that net/http adds by default: date, content-type, and
// the content-length of a complete body.
func (w *responseWriter) defaultFields(header http.Header, first []byte) (extra [][2]string) {
	if _, has := header["Date"]; !has {
		extra = append(extra, [2]string{"date", dateText()})
	}
	if !w.mayHaveBody() {
		return extra
	}
	if _, has := header["Content-Type"]; !has && len(first) > 0 && header.Get("Content-Encoding") == "" {
		extra = append(extra, [2]string{"content-type", http.DetectContentType(first)})
	}
	if _, has := header["Content-Length"]; !has && w.handlerDone && (len(w.held) > 0 || w.hasBody()) {
		extra = append(extra, [2]string{"content-length", strconv.Itoa(len(w.held))})
	}
	return extra
}

// dateCache holds the current second and its Date value.
var dateCache atomic.Pointer[struct {
	second int64
	text   string
}]

func dateText() string {
	t := time.Now()
	if known := dateCache.Load(); known != nil && known.second == t.Unix() {
		return known.text
	}
	text := t.UTC().Format(http.TimeFormat)
	dateCache.Store(&struct {
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

// writeInformational queues a 1xx response (RFC 9110, section 15.2).
func (w *responseWriter) writeInformational(status int, header http.Header) {
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waitToSendLocked(w.st) != nil || w.st.localClosed || w.st.headersSent {
		return
	}
	c.encodeLocked(":status", strconv.Itoa(status))
	c.encodeHeaderLocked(header, []string{"Content-Length"})
	c.send.appendHeaders(w.st.id, false, c.peer.maxFrame)
	c.armWriterLocked()
}
