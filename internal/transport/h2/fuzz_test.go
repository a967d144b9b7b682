package h2_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// recordFrames returns the bytes that a client sends in talk.
func recordFrames(talk func(p *peer)) []byte {
	var all bytes.Buffer
	p := &peer{f: http2.NewFramer(&all, nil)}
	p.f.AllowIllegalWrites = true
	p.encoder = hpack.NewEncoder(&p.encoded)
	_ = p.f.WriteSettings()
	_ = p.f.WriteSettingsAck()
	talk(p)
	return all.Bytes()
}

// FuzzConnection sends bytes after the connection preface, whole or in parts. The
// connection must end without a panic and release everything.
func FuzzConnection(f *testing.F) {
	for _, talk := range []func(p *peer){
		func(*peer) {},
		func(p *peer) { _ = p.request(1, true, get("/")...) },
		func(p *peer) {
			_ = firstError(p.request(1, false, post("/", "content-length", "4")...), p.f.WriteDataPadded(1, true, []byte("body"), make([]byte, 9)))
		},
		func(p *peer) {
			_ = firstError(p.request(1, false, post("/", "content-type", "application/grpc", "te", "trailers")...),
				p.f.WriteData(1, false, []byte("\x00\x00\x00\x00\x05hel")), p.f.WriteData(1, false, []byte("lo")), p.request(1, true, "x-sum", "1"))
		},
		func(p *peer) {
			_ = firstError(p.request(1, false, post("/", "trailer", "x-sum", "expect", "100-continue")...), p.f.WriteRSTStream(1, 8),
				p.f.WriteWindowUpdate(0, 9), p.f.WritePing(false, [8]byte{}), p.f.WritePriority(3, http2.PriorityParam{StreamDep: 1}), p.f.WriteGoAway(1, 0, nil))
		},
		func(p *peer) {
			_ = firstError(p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 9}), p.request(1, true, get("/")...),
				p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}), p.f.WriteWindowUpdate(1, 100))
		},
		func(p *peer) {
			_ = firstError(p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encodeBlock(get("/")...)}), p.f.WriteContinuation(1, true, p.encodeBlock("x", "y")))
		},
	} {
		f.Add(recordFrames(talk), uint16(0))
		f.Add(recordFrames(talk), uint16(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, step uint16) {
		handler := func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
			_, _ = w.Write(make([]byte, 100_000))
		}
		options := h2.Options{StreamWindow: 100_000, ConnectionWindow: 200_000, MaxHeaderBytes: 4 << 10, MaxConcurrentStreams: 5}
		inBubble(t, serverOf(handler), options, func(t *testing.T, l *listener) {
			p := l.raw(t)
			_, err := p.nc.Write([]byte(http2.ClientPreface))
			go p.readAll()
			for rest := data; err == nil && len(rest) > 0; {
				n := len(rest)
				if step > 0 {
					n = min(n, int(step))
				}
				_, err = p.nc.Write(rest[:n])
				rest = rest[n:]
			}
			synctest.Wait()
			_ = p.nc.Close()
			if synctest.Wait(); l.server.Conns() != 0 {
				t.Error("the connection is still open")
			}
		})
	})
}

// FuzzHeaderBlock tests the header block decoder: any block gets a response, a stream
// reset, or GOAWAY with a reason.
func FuzzHeaderBlock(f *testing.F) {
	p := &peer{}
	p.encoder = hpack.NewEncoder(&p.encoded)
	f.Add(p.encodeBlock(get("/")...), uint16(0))
	f.Add(p.encodeBlock(post("/", "content-type", "application/grpc", "te", "trailers", "cookie", "a=b", "cookie", "c=d")...), uint16(3))
	f.Add(p.encodeBlock(append(get("/"), "x", longValue(5000))...), uint16(1000))
	f.Add([]byte{0x3f, 0xe1, 0x1f, 0x82, 0x84, 0x86, 0x41, 0x01, 'h'}, uint16(0))
	f.Fuzz(func(t *testing.T, block []byte, cut uint16) {
		handler := func(w http.ResponseWriter, r *http.Request) {
			if r.URL == nil || r.Header == nil || r.Method == "" {
				t.Errorf("incomplete request: %+v", r)
			}
			for name, values := range r.Header {
				if name != http.CanonicalHeaderKey(name) || len(values) == 0 || strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") {
					t.Errorf("field %q: %q", name, values)
				}
			}
			respondOK(w, r)
		}
		inBubble(t, serverOf(handler), h2.Options{MaxHeaderBytes: 4 << 10}, func(t *testing.T, l *listener) {
			p := l.dial(t)
			at := min(int(cut), len(block))
			_ = firstError(p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, BlockFragment: block[:at]}),
				p.f.WriteContinuation(1, true, block[at:]))
			_, reset := p.find(http2.FrameRSTStream, 1)
			response, responded := p.find(http2.FrameHeaders, 1)
			if e, gone := p.find(http2.FrameGoAway, 0); !reset && !gone && (!responded || response.status == "") || gone && e.debug == "" {
				t.Errorf("reset %v, GOAWAY %v %q, response %v", reset, gone, e.debug, responded)
			}
		})
	})
}

// byteSource makes choices from the fuzzer's bytes.
type byteSource struct{ data []byte }

func (r *byteSource) byte() int {
	if len(r.data) == 0 {
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return int(b)
}

func (r *byteSource) pick(of ...string) string { return of[r.byte()%len(of)] }

// FuzzAgainstNetHTTP sends random valid requests to this server and to net/http's. Both run
// the same handler, which the request controls. Requests and responses must be equal.
func FuzzAgainstNetHTTP(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a plain request, and another"))
	f.Add(bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 20))
	f.Add(bytes.Repeat([]byte{255, 0, 128, 3}, 40))
	f.Add([]byte{5, 4, 3, 2, 1, 0, 9, 8, 7, 6, 200, 100, 50, 25, 12, 6, 3, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, theirs := exchangeAll(t, data, true), exchangeAll(t, data, false)
		if ours != theirs {
			t.Errorf("this server:\n%s\nnet/http:\n%s", ours, theirs)
		}
	})
}

// exchangeAll sends the requests encoded in data and returns their results.
func exchangeAll(t *testing.T, data []byte, own bool) string {
	t.Helper()
	var all strings.Builder
	synctest.Test(t, func(t *testing.T) {
		l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
		srv := &http.Server{Handler: http.HandlerFunc(scriptedHandler), Protocols: new(http.Protocols), ErrorLog: log.New(io.Discard, "", 0)}
		srv.Protocols.SetUnencryptedHTTP2(true)
		if own {
			l.server = h2.Configure(srv, h2.Options{})
		}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		transport := &http.Transport{
			Protocols: new(http.Protocols), DisableCompression: true, ExpectContinueTimeout: time.Hour,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				l.conns <- theirs
				return ours, nil
			},
		}
		transport.Protocols.SetUnencryptedHTTP2(true)
		client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		r := &byteSource{data}
		for range 1 + r.byte()%4 {
			exchange(t, client, r, &all)
		}
		transport.CloseIdleConnections()
		_ = srv.Shutdown(context.Background())
		if own {
			_ = l.server.Shutdown(context.Background())
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return all.String()
}

// exchange sends one request made from the fuzzer's bytes and logs its response.
func exchange(t *testing.T, client *http.Client, r *byteSource, all *strings.Builder) {
	t.Helper()
	var body io.Reader
	size := []int{0, 0, 1, 100, 511, 512, 4095, 4096, 4097, 70_000, 300_000}[r.byte()%11]
	method := r.pick("GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "ODD")
	if size > 0 && method != "HEAD" {
		body = bytes.NewReader(pattern(size))
		if r.byte()%2 == 0 {
			body = io.MultiReader(body)
		}
	}
	path := r.pick("/", "/a/b", "/a%20b?c=d&e", "//twice", "/?", "/%2f")
	req, err := http.NewRequestWithContext(t.Context(), method, "http://host"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if r.byte()%4 == 0 {
		req.Header.Set("Cookie", "a=b; c=d")
	}
	if r.byte()%4 == 0 {
		req.Header["X-Many"] = []string{"one", "two", ""}
	}
	if body != nil && r.byte()%4 == 0 {
		req.Header.Set("Expect", "100-continue")
	}
	if body != nil { // so that the client can retry
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pattern(size))), nil }
	}
	if body != nil && r.byte()%3 == 0 {
		req.Trailer = http.Header{"X-Sum": {"sum"}}
	}
	req.Header.Set("X-Status", r.pick("", "200", "201", "204", "304", "404", "500", "103"))
	req.Header.Set("X-Size", r.pick("0", "1", "100", "4095", "4096", "4097", "70000", "400000"))
	req.Header.Set("X-Step", r.pick("1000000", "1000", "4096", "100000"))
	for _, option := range []string{"read", "flush", "length", "type", "no-type", "no-date", "trailer", "prefix", "late", "empty", "bad"} {
		if r.byte()%4 == 0 {
			req.Header.Set("X-"+option, "yes")
		}
	}
	res, err := client.Do(req)
	if err != nil {
		fmt.Fprintf(all, "%s %s: no response\n", method, path)
		t.Log(err)
		return
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if dated := res.Header.Get("Date") != ""; true {
		res.Header.Set("Date", strconv.FormatBool(dated))
	}
	fmt.Fprintf(all, "%s %s: %s, %d, %v, %s %v, %s\n", method, path, res.Status, res.ContentLength, list(res.Header), sum(text), err != nil, list(res.Trailer))
}

// scriptedHandler follows the instructions in the request's header.
func scriptedHandler(w http.ResponseWriter, r *http.Request) {
	option := func(name string) bool { return r.Header.Get("X-"+name) != "" }
	header := w.Header()
	header.Set("X-Seen", fmt.Sprint(r.Method, r.URL, r.RequestURI, r.Host, r.Proto, r.ContentLength, list(r.Header), len(r.Trailer), r.TransferEncoding))
	if option("read") {
		text, err := io.ReadAll(r.Body)
		header.Set("X-Body", fmt.Sprint(sum(text), err, list(r.Trailer)))
	}
	size, _ := strconv.Atoi(r.Header.Get("X-Size"))
	status, _ := strconv.Atoi(r.Header.Get("X-Status"))
	if option("length") && status != http.StatusNoContent && status != http.StatusNotModified {
		header.Set("Content-Length", strconv.Itoa(size))
	}
	if option("type") {
		header.Set("Content-Type", "text/odd")
	}
	if option("no-type") {
		header["Content-Type"] = nil
	}
	if option("no-date") {
		header["Date"] = nil
	}
	if option("bad") {
		header["X-Bad"] = []string{"a\nb", "c"}
		header["Connection"] = []string{"keep-alive"}
		header["Transfer-Encoding"] = []string{"chunked"}
	}
	if option("trailer") {
		header.Set("Trailer", "X-After, Content-Length, X-Never")
	}
	if status > 0 {
		w.WriteHeader(status)
	}
	if option("trailer") && status < 200 {
		w.WriteHeader(http.StatusOK) // net/http sends fields set earlier both as headers and as trailers
	}
	if option("late") {
		header.Set("X-Late", "set after WriteHeader")
	}
	step, _ := strconv.Atoi(r.Header.Get("X-Step"))
	for at := 0; at < size; at += step {
		if _, err := w.Write(pattern(size)[at:min(size, at+step)]); err != nil {
			break
		}
		if option("flush") && at == 0 {
			_ = http.NewResponseController(w).Flush()
		}
	}
	if option("empty") {
		_, _ = w.Write(nil)
	}
	header.Set("X-After", "trailer")
	if option("prefix") {
		header.Set(http.TrailerPrefix+"X-Prefixed", "trailer")
	}
}

func sum(text []byte) string {
	digest := sha256.Sum256(text)
	return strconv.Itoa(len(text)) + ":" + hex.EncodeToString(digest[:4])
}

func list(header http.Header) string {
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fields = append(fields, name+"="+strings.Join(header[name], ","))
	}
	return strings.Join(fields, "|")
}
