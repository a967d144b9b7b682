package rpcfast_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// request is a request that can be made twice.
type request struct {
	procedure, method, query string
	header                   map[string]string
	body                     []byte
	// sized announces the length. end is the error that ends the body; nil: io.EOF.
	sized bool
	slow  bool
	end   error
	major int
	// still means that answers cannot be flushed.
	still bool
}

func (q request) build(ctx context.Context) *http.Request {
	var body io.Reader = bytes.NewReader(q.body)
	if q.end != nil {
		body = io.MultiReader(body, iotest.ErrReader(q.end))
	}
	if q.slow {
		body = iotest.OneByteReader(body)
	}
	r := httptest.NewRequestWithContext(ctx, q.method, "/test.S/"+q.procedure+q.query, io.NopCloser(body))
	r.ProtoMajor, r.ProtoMinor, r.Proto = q.major, 0, fmt.Sprintf("HTTP/%d.0", q.major)
	r.ContentLength = -1
	if q.sized {
		r.ContentLength = int64(len(q.body))
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	return r
}

// answer is what a caller sees, as text.
func (s *side) answer(t *testing.T, q request) string {
	t.Helper()
	s.seen, s.raw = nil, false
	w := httptest.NewRecorder()
	if q.still {
		s.handler.ServeHTTP(struct{ http.ResponseWriter }{w}, q.build(t.Context()))
	} else {
		s.handler.ServeHTTP(w, q.build(t.Context()))
	}
	res := w.Result()
	var b strings.Builder
	fmt.Fprintf(&b, "status %d\n", res.StatusCode)
	res.Header.Del("Content-Length") // a recorder has none
	maps.DeleteFunc(res.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, http.TrailerPrefix) })
	writeHeader := func(title string, header http.Header) {
		for _, name := range slices.Sorted(maps.Keys(header)) {
			fmt.Fprintf(&b, "%s %s: %q\n", title, name, header[name])
		}
	}
	describeBody(&b, res.Header, w.Body.Bytes())
	writeHeader("header", res.Header)
	writeHeader("trailer", res.Trailer)
	return tooLarge.ReplaceAllString(b.String()+strings.Join(s.seen, "\n"), "too large")
}

// tooLarge matches the error of a message above the limit: package wire's, and that of
// connecthttp, which reads the message to its end first and reports how that went.
var tooLarge = regexp.MustCompile(`message has (more than )?\d+ bytes, the server accepts \d+ \(max-message-bytes\): send a smaller message or raise the setting` +
	`|message (size \d+ )?is larger than configured max \d+( - unable to determine message size: [^",\r\n]*)?`)

// describeBody writes the content of a body independently of the order of its fields.
func describeBody(b *strings.Builder, header http.Header, body []byte) {
	switch kind := header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "application/grpc"), strings.HasPrefix(kind, "application/connect+"):
		for len(body) >= 5 {
			flags, n := body[0], int(binary.BigEndian.Uint32(body[1:]))
			data := body[5 : 5+n]
			body = body[5+n:]
			if flags&1 != 0 {
				data = unzip(data)
			}
			if flags&^1 != 0 {
				fmt.Fprintf(b, "flags %x: %s\n", flags, data)
				continue
			}
			describeMessage(b, data, flags&1 != 0)
		}
		fmt.Fprintf(b, "rest %q\n", body)
	case kind == "application/proto":
		zipped := header.Get("Content-Encoding") == "gzip"
		if zipped {
			body = unzip(body)
		}
		if isRaw(body) {
			header.Del("Content-Encoding")
		}
		describeMessage(b, body, zipped)
	case kind == "application/json":
		zipped := header.Get("Content-Encoding") == "gzip"
		if zipped {
			body = unzip(body)
		}
		var m inference.ModelInferResponse
		if err := protojson.Unmarshal(body, &m); err != nil { // it is an error
			fmt.Fprintf(b, "body %s\n", body)
			return
		}
		fmt.Fprintf(b, "message, zipped %v: %s\n", zipped, prototext.Format(&m))
	default:
		fmt.Fprintf(b, "body %s\n", body)
	}
}

func describeMessage(b *strings.Builder, data []byte, zipped bool) {
	var m inference.ModelInferResponse
	if err := proto.Unmarshal(data, &m); err != nil {
		fmt.Fprintf(b, "bad message %v\n", err)
	}
	fmt.Fprintf(b, "message, zipped %v: %s\n", zipped && !isRaw(data), prototext.Format(&m))
}

// isRaw reports whether an answer is mostly bytes fields, which the fast path does not
// compress. This is the only difference that a caller may see.
func isRaw(data []byte) bool {
	var m inference.ModelInferResponse
	if err := proto.Unmarshal(data, &m); err != nil {
		return false
	}
	size := len(data)
	for _, raw := range m.GetRawOutputContents() {
		size -= len(raw)
	}
	return size < sameCompress
}

func unzip(data []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return []byte(err.Error())
	}
	out, err := io.ReadAll(r)
	if err != nil {
		return []byte(err.Error())
	}
	return out
}

func zip(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

// envelope returns a message in its envelope.
func envelope(flags byte, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(data))), data...)
}

func script(t testing.TB, letters string, raw int) []byte {
	t.Helper()
	m := &inference.ModelInferRequest{ModelName: letters, Id: "id"}
	if raw > 0 {
		m.RawInputContents = [][]byte{pattern(raw), []byte("small")}
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// asJSON returns a binary request in JSON, and what is none as it is.
func asJSON(data []byte) []byte {
	var m inference.ModelInferRequest
	if err := proto.Unmarshal(data, &m); err != nil {
		return data
	}
	text, err := protojson.Marshal(&m)
	if err != nil {
		return data
	}
	return text
}

// checkSame checks that both sides answer alike, and that their handlers saw the same.
func (s *sides) checkSame(t *testing.T, name string, q request) {
	t.Helper()
	want, got := strings.Split(s.theirs.answer(t, q), "\n"), strings.Split(s.ours.answer(t, q), "\n")
	if slices.Equal(want, got) {
		return
	}
	q.body = q.body[:min(len(q.body), 40)]
	t.Errorf("%s: %+v", name, q)
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Logf("only with the fast path: %.300s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Logf("only with the slow path: %.300s", line)
		}
	}
}
