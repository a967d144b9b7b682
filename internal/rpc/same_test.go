package rpc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/rpc"
)

const (
	sameLimit    = 40_000 // bytes of a message
	sameCompress = 500
)

// side is a server of the procedures /test.S/Unary, Client, Server and Bidi, and what its
// handlers have seen.
type side struct {
	handler http.Handler
	seen    []string
}

// bothSides returns connecthttp's own handlers, and the short road before them.
func bothSides() (theirs, ours *side) {
	theirs, ours = &side{}, &side{}
	mux := http.NewServeMux()
	connecthttp.Mount(mux, theirs.server(), connecthttp.WithReadMaxBytes(sameLimit), connecthttp.WithCompressMinBytes(sameCompress))
	theirs.handler = mux
	mux = http.NewServeMux()
	rpc.Mount(mux, ours.server(), rpc.Options{MaxMessageBytes: sameLimit, CompressMinBytes: sameCompress})
	ours.handler = mux
	return theirs, ours
}

func (s *side) server() *connect.Server {
	server := connect.NewServer(func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			err := next(ctx, spec, stream)
			info, _ := connect.CallInfoForServerContext(ctx)
			if isLarge(info.SendStats.Size) {
				info.SendStats.CompressedSize = 0
			}
			s.see("received %v, sent %v", info.ReceiveStats, info.SendStats)
			info.ResponseTrailer().Set("X-Late", "of an interceptor")
			return err
		}
	})
	for name, kind := range map[string]connect.StreamType{
		"Unary": connect.StreamTypeUnary, "Client": connect.StreamTypeClient, "Server": connect.StreamTypeServer, "Bidi": connect.StreamTypeBidi,
	} {
		server.Register(connect.Method{Spec: connect.Spec{StreamType: kind, Procedure: "/test.S/" + name}, Handler: s.handle})
	}
	return server
}

func (s *side) see(format string, args ...any) { s.seen = append(s.seen, fmt.Sprintf(format, args...)) }

// handle does what the first message's name says, a letter at a time.
func (s *side) handle(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
	info, _ := connect.CallInfoForServerContext(ctx)
	header := maps.Collect(info.RequestHeader().All())
	s.see("%v %s %q %s %s %s %s", spec.StreamType, info.Spec.Procedure, info.PeerAddr, info.Protocol, info.Codec, info.RequestEncoding, info.ResponseEncoding)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		s.see("%s: %q", name, header[name])
	}
	if deadline, ok := ctx.Deadline(); ok {
		s.see("deadline in %v", time.Until(deadline).Round(time.Minute))
	}
	receive := func() (*inference.ModelInferRequest, error) {
		m := &inference.ModelInferRequest{}
		err := stream.Receive(m)
		s.see("received %v, %v, end %v", prototext.Format(m), err, errors.Is(err, io.EOF))
		return m, err
	}
	m, err := receive()
	if err != nil {
		return err
	}
	sent := false
	send := func(msg any) {
		if sent && spec.StreamType == connect.StreamTypeUnary {
			return
		}
		sent = true
		err := stream.Send(msg)
		s.see("sent: %v, %v", err, connect.CodeOf(err))
	}
	for _, letter := range m.GetModelName() {
		switch letter {
		case 'h':
			info.ResponseHeader().Add("X-Two", "a")
			info.ResponseHeader().Add("X-Two", "b")
			info.ResponseHeader().Set("X-Data-Bin", connect.EncodeBinaryHeader([]byte{0, 1, 255}))
		case 'g':
			info.ResponseHeader().Set("Content-Type", "text/plain")
			info.ResponseHeader().Set("Grpc-Status", "5")
		case 't':
			info.ResponseTrailer().Add("X-End", "a")
			info.ResponseTrailer().Add("X-End", "b")
			info.ResponseTrailer().Set("Grpc-Message", "forged")
		case 'u':
			info.ResponseTrailer().Set("X-Lines", "one\r\ngrpc-status: 0")
		case 's':
			send(&inference.ModelInferResponse{Id: m.GetId(), RawOutputContents: m.GetRawInputContents()})
		case 'S':
			send(&inference.ModelInferResponse{Id: "large", RawOutputContents: [][]byte{pattern(20_000), []byte("small"), pattern(30_000)}})
		case 'M':
			send(&inference.ModelInferResponse{Id: strings.Repeat("text ", 400)})
		case '0':
			send(&inference.ModelInferResponse{})
		case 'x':
			send(&inference.ModelInferResponse{Id: "\xff"})
		case 'n':
			send("no message")
		case 'H':
			s.see("headers: %v", stream.SendHeaders())
		case 'r':
			_, err = receive()
		case 'R':
			for err == nil {
				_, err = receive()
			}
		case 'm':
			err = stream.Receive("no message")
			s.see("received %v", err)
		case 'e':
			return err
		case 'f':
			detail, err := connectproto.NewErrorDetail(durationpb.New(time.Second))
			return errors.Join(err, connect.NewError(connect.CodeUnavailable, "wait 10 % – é\n\x00").WithDetail(detail).WithDetail(&connect.ErrorDetail{Type: "example.com/x.Y", Value: []byte{1}}))
		case 'b':
			return connect.NewError(connect.CodeAborted, "bad detail").WithDetail(&connect.ErrorDetail{Type: "\xff"})
		case 'o':
			return connect.NewError(connect.CodeNotFound, "of another server").WithRemote()
		case 'p':
			return errors.New("a secret")
		case 'c':
			return fmt.Errorf("wrapped: %w", context.Canceled)
		case 'd':
			return context.DeadlineExceeded
		case 'z':
			return connect.NewError(0, "")
		}
	}
	return nil
}

// request is a request that can be made twice.
type request struct {
	procedure, method, query string
	header                   map[string]string
	body                     []byte
	// sized says that the length is announced, and end what ends the body if not io.EOF.
	sized bool
	slow  bool
	end   error
	major int
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
	s.seen = nil
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, q.build(t.Context()))
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
	return b.String() + strings.Join(s.seen, "\n")
}

// describeBody writes what a body says, so that fields may be in any order.
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
		if isLarge(len(body)) {
			header.Del("Content-Encoding")
		}
		describeMessage(b, body, zipped)
	default:
		fmt.Fprintf(b, "body %s\n", body)
	}
}

func describeMessage(b *strings.Builder, data []byte, zipped bool) {
	var m inference.ModelInferResponse
	if err := proto.Unmarshal(data, &m); err != nil {
		fmt.Fprintf(b, "bad message %v\n", err)
	}
	fmt.Fprintf(b, "message, zipped %v: %s\n", zipped && !isLarge(len(data)), prototext.Format(&m))
}

// isLarge reports whether an answer has large fields, which the short road does not
// compress. It is the one thing that a caller may see.
func isLarge(size int) bool { return size > 16<<10 }

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

// checkSame checks that both sides answer alike, and that their handlers saw the same.
func checkSame(t *testing.T, name string, q request) {
	t.Helper()
	theirs, ours := bothSides()
	want, got := strings.Split(theirs.answer(t, q), "\n"), strings.Split(ours.answer(t, q), "\n")
	if slices.Equal(want, got) {
		return
	}
	q.body = q.body[:min(len(q.body), 40)]
	t.Errorf("%s: %+v", name, q)
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Logf("only with the short road: %.300s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Logf("only without: %.300s", line)
		}
	}
}

var (
	procedures   = []string{"Unary", "Client", "Server", "Bidi"}
	contentTypes = []string{
		"application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpc-web+proto", "application/proto",
		"application/connect+proto", "application/json", "application/grpc+json", "Application/GRPC", "application/proto; charset=utf-8", "application/grpc+thrift", "",
	}
)

func isEnveloped(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(contentType), "application/grpc") || strings.HasPrefix(contentType, "application/connect+")
}

// Every script is answered alike by both roads, over every protocol.
func TestHandlersAreServedAlike(t *testing.T) {
	for _, letters := range []string{
		"", "s", "S", "M", "0", "hs", "gs", "ts", "us", "htgus", "stu", "sss", "sM0S", "Hs", "hHts", "H", "h", "t", "ht",
		"f", "hf", "tf", "htf", "Hf", "sf", "hstf", "b", "o", "p", "c", "d", "z", "x", "n", "hx", "xs", "sx", "tn",
		"rs", "re", "Rs", "Re", "rrr", "m", "me", "Mf", "uf", "hMtu",
	} {
		for _, procedure := range procedures {
			for _, contentType := range contentTypes[:6] {
				for _, raw := range []int{0, 3000, 6000} {
					body := script(t, letters, raw)
					if isEnveloped(contentType) {
						body = envelope(0, body)
					}
					name := fmt.Sprintf("%s %s %s", letters, procedure, contentType)
					header := map[string]string{"Content-Type": contentType, "X-Question": "a", "User-Agent": "test", "Te": "trailers"}
					checkSame(t, name, request{procedure: procedure, method: http.MethodPost, header: header, body: body, sized: raw == 0, major: 2})
					header["Grpc-Accept-Encoding"], header["Accept-Encoding"], header["Connect-Accept-Encoding"] = "identity, br,gzip", "gzip", "gzip"
					checkSame(t, name, request{procedure: procedure, method: http.MethodPost, header: header, body: body, slow: true, major: 1 + raw/6000})
				}
			}
		}
	}
}

// What is malformed, too large, compressed or of no protocol is answered alike, too.
func TestRequestsAreReadAlike(t *testing.T) {
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
				for headerName, header := range headers {
					if headerName != "plain" && bodyName != "two" && bodyName != "second empty" && bodyName != "marked compressed" {
						continue
					}
					header := maps.Clone(header)
					if contentType != "" {
						header["Content-Type"] = contentType
					}
					for endName, end := range ends {
						// connecthttp reads what is too large to its end, and tells how that ends.
						if end != nil && (headerName != "plain" || strings.HasPrefix(bodyName, "too large")) {
							continue
						}
						for _, major := range []int{1, 2} {
							name := fmt.Sprintf("%s %s, %s, header %s, end %s, HTTP/%d", procedure, contentType, bodyName, headerName, endName, major)
							checkSame(t, name, request{procedure: procedure, method: http.MethodPost, header: header, body: body, end: end, sized: end == nil && major == 1, major: major})
						}
					}
				}
			}
		}
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodOptions, http.MethodHead} {
			checkSame(t, method, request{procedure: procedure, method: method, header: with("Content-Type", "application/grpc"), major: 2})
			checkSame(t, method, request{procedure: procedure, method: method, query: "?connect=v1&encoding=proto&message=", major: 2})
		}
	}
	checkSame(t, "unknown", request{procedure: "Nothing", method: http.MethodPost, header: with("Content-Type", "application/grpc"), body: envelope(0, good), major: 2})
}
