package oiprest_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// compressed returns content in a content coding.
func compressed(t testing.TB, coding string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "bare deflate":
		var err error
		if w, err = flate.NewWriter(&b, flate.DefaultCompression); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// decompressed returns the content of an answer.
func decompressed(t testing.TB, a handlertest.Answer) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch coding := a.Header.Get("Content-Encoding"); coding {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(a.Body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(a.Body))
	case "":
		return a.Body
	default:
		t.Fatalf("Content-Encoding is %q", coding)
	}
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// The header's length is that of the JSON before it was compressed.
func TestRESTTakesCompressedBodies(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{})
	text := `{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}}]}`
	content := append([]byte(text), tensor.AsBytes([]float32{1, 2})...)
	two := append(compressed(t, "gzip", content[:10]), compressed(t, "gzip", content[10:])...)
	for name, test := range map[string]struct {
		encoding string
		body     []byte
	}{
		"gzip":                  {"gzip", compressed(t, "gzip", content)},
		"in capitals":           {"GZIP", compressed(t, "gzip", content)},
		"under its old name":    {"x-gzip", compressed(t, "gzip", content)},
		"in two members":        {"gzip", two},
		"deflate":               {"deflate", compressed(t, "deflate", content)},
		"deflate without zlib":  {"deflate", compressed(t, "bare deflate", content)},
		"identity":              {"identity", content},
		"an encoding of no use": {"", content},
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", test.body, "Content-Encoding", test.encoding, "Inference-Header-Content-Length", strconv.Itoa(len(text)))
		if a.Status != http.StatusOK || !strings.Contains(string(a.Body), `"data":[1,2]`) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	for name, test := range map[string]struct {
		encoding string
		body     []byte
	}{
		"gzip cut off":          {"gzip", compressed(t, "gzip", content)[:40]},
		"deflate cut off":       {"deflate", compressed(t, "deflate", content)[:40]},
		"bare deflate cut off":  {"deflate", compressed(t, "bare deflate", content)[:40]},
		"gzip with more":        {"gzip", append(compressed(t, "gzip", content), 'x')},
		"deflate with more":     {"deflate", append(compressed(t, "deflate", content), 'x')},
		"gzip's sum is wrong":   {"gzip", append(compressed(t, "gzip", content)[:len(compressed(t, "gzip", content))-8], make([]byte, 8)...)},
		"deflate under gzip":    {"gzip", compressed(t, "deflate", content)},
		"not compressed at all": {"gzip", content},
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", test.body, "Content-Encoding", test.encoding, "Inference-Header-Content-Length", strconv.Itoa(len(text)))
		if failure := a.Failure(t); a.Status != http.StatusBadRequest || !strings.Contains(failure, test.encoding) {
			t.Errorf("%s: %d %s", name, a.Status, failure)
		}
	}
}

// A small body must not take much memory, for any content and any declared length.
func TestRESTBodiesAreBounded(t *testing.T) {
	const limit = 4 << 20
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.Uint8, -1)}, handlertest.Options{MaxBodyBytes: limit})
	bomb := make([]byte, 20*limit)
	var empty bytes.Buffer // blocks of no content, past the limit
	for empty.Len() <= limit {
		empty.Write(bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 1000))
	}
	for name, test := range map[string]struct {
		encoding string
		body     []byte
		status   int
	}{
		"a gzip bomb":          {"gzip", compressed(t, "gzip", bomb), 413},
		"a deflate bomb":       {"deflate", compressed(t, "deflate", bomb), 413},
		"a bare deflate bomb":  {"deflate", compressed(t, "bare deflate", bomb), 413},
		"empty blocks":         {"deflate", empty.Bytes(), 413},
		"a body past it":       {"", make([]byte, limit+1), 413},
		"a body just as large": {"", make([]byte, limit), 200},
		"compressed as large":  {"gzip", compressed(t, "gzip", make([]byte, limit)), 200},
	} {
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", test.body, "Content-Encoding", test.encoding, "Inference-Header-Content-Length", "0")
		goruntime.ReadMemStats(&after)
		if a.Status != test.status {
			t.Errorf("%s: %d %.200s", name, a.Status, a.Body)
		}
		if took := after.TotalAlloc - before.TotalAlloc; test.status != 200 && took > 5*limit {
			t.Errorf("%s: it took %d bytes", name, took)
		}
	}
	// An announced length alone allocates no memory.
	r := httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", iotest("{"))
	r.ContentLength = limit
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	goruntime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; w.Code != http.StatusBadRequest || took > limit/2 {
		t.Errorf("a body that ends early: %d %s; it took %d bytes", w.Code, w.Body, took)
	}
}

// iotest is a body that is cut off after its text.
func iotest(text string) io.Reader {
	return io.MultiReader(strings.NewReader(text), readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestRESTCompressesAnswersThatAreAskedFor(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{})
	large := make([]float32, 1000)
	text := func(values []float32, rest string) string {
		return fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":[%d],"parameters":{"binary_data_size":%d}}]%s}`, len(values), 4*len(values), rest)
	}
	for accept, want := range map[string]string{
		"gzip":                     "gzip",
		"deflate":                  "deflate",
		"gzip, deflate":            "gzip",
		"deflate, gzip, br, zstd":  "gzip",
		"deflate, gzip;q=0.5":      "deflate",
		"gzip;q=0":                 "",
		"gzip;q=0.001":             "gzip",
		"identity":                 "",
		"identity, gzip;q=0.5":     "",
		"identity;q=0.5, gzip":     "gzip",
		"identity;q=0, deflate":    "deflate",
		"*":                        "gzip",
		"*;q=0":                    "",
		"gzip;q=0, *":              "deflate",
		"br":                       "",
		"GZip ; Q=1.0":             "gzip",
		"gzip;q=much":              "",
		"gzip;q=2":                 "",
		"gzip;level=1":             "",
		"":                         "",
		",,":                       "",
		"gzip, gzip;q=0, identity": "",
	} {
		for _, output := range []string{"", `,"parameters":{"binary_data_output":true}`} {
			asked := text(large, output)
			a := handlertest.Infer(t, h, asked, tensor.AsBytes(large), "Accept-Encoding", accept)
			if got := a.Header.Get("Content-Encoding"); got != want || a.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("Accept-Encoding %q: Content-Encoding %q, want %q, Vary %q", accept, got, want, a.Header.Get("Vary"))
			}
			plain := handlertest.Infer(t, h, asked, tensor.AsBytes(large))
			if !bytes.Equal(decompressed(t, a), plain.Body) || a.Header.Get("Inference-Header-Content-Length") != plain.Header.Get("Inference-Header-Content-Length") || a.Header.Get("Content-Type") != plain.Header.Get("Content-Type") {
				t.Errorf("Accept-Encoding %q: the content differs: %v, %v", accept, a.Header, plain.Header)
			}
		}
	}
	// Clients decompress nothing but the answers of models.
	for _, a := range []handlertest.Answer{
		handlertest.Infer(t, h, text(large[:2], ""), tensor.AsBytes(large[:2]), "Accept-Encoding", "gzip"),
		handlertest.Send(t, h, http.MethodGet, "/v2/models/"+strings.Repeat("x", 2000), nil, "Accept-Encoding", "gzip"),
		handlertest.Send(t, h, http.MethodGet, "/v2/models/stats", nil, "Accept-Encoding", "gzip"),
	} {
		if a.Header.Get("Content-Encoding") != "" {
			t.Errorf("%d %v", a.Status, a.Header)
		}
	}
}

// TestRESTOverHTTP sends requests over connections, by both versions of HTTP.
func TestRESTOverHTTP(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.Uint8, -1)}, handlertest.Options{MaxBodyBytes: 1 << 20})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, Protocols: new(http.Protocols), ReadHeaderTimeout: time.Minute}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	url := "http://" + listener.Addr().String() + "/v2/models/m/infer"
	for _, h2c := range []bool{false, true} {
		transport := &http.Transport{Protocols: new(http.Protocols), ExpectContinueTimeout: time.Minute}
		transport.Protocols.SetHTTP1(!h2c)
		transport.Protocols.SetUnencryptedHTTP2(h2c)
		t.Cleanup(transport.CloseIdleConnections)
		client := &http.Client{Transport: transport}
		send := func(body io.Reader, headers ...string) handlertest.Answer {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Inference-Header-Content-Length", "0")
			for i := 0; i < len(headers); i += 2 {
				req.Header.Set(headers[i], headers[i+1])
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatalf("HTTP/2 %v: %v", h2c, err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatalf("HTTP/2 %v: %v", h2c, err)
			}
			return handlertest.Answer{Status: res.StatusCode, Header: res.Header, Body: text}
		}
		content := bytes.Repeat([]byte("0123456789abcdef"), 40_000)
		for name, body := range map[string]io.Reader{
			"a known length":    bytes.NewReader(content),
			"an unknown length": struct{ io.Reader }{bytes.NewReader(content)},
		} {
			a := send(body, "Accept-Encoding", "identity")
			if _, tensors := a.Split(t); a.Status != http.StatusOK || !bytes.Equal(tensors, content) {
				t.Errorf("HTTP/2 %v, %s: %d, %d bytes", h2c, name, a.Status, len(tensors))
			}
		}
		// A client that sends too much still reads the answer.
		for _, headers := range [][]string{nil, {"Expect", "100-continue"}} {
			for name, body := range map[string]io.Reader{
				"too much of a known length":    bytes.NewReader(make([]byte, 2_000_000)),
				"too much of an unknown length": struct{ io.Reader }{bytes.NewReader(make([]byte, 2_000_000))},
			} {
				if a := send(body, headers...); a.Status != http.StatusRequestEntityTooLarge || !strings.Contains(a.Failure(t), "1048576") {
					t.Errorf("HTTP/2 %v, %s: %d %s", h2c, name, a.Status, a.Body)
				}
			}
		}
		if a := send(bytes.NewReader(content)); a.Status != http.StatusOK {
			t.Errorf("HTTP/2 %v: the connection is of no use afterwards: %d", h2c, a.Status)
		}
	}
}
