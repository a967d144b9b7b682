package server_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

func deflated(t *testing.T, content []byte) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// callDeflated sends a body to FastPredict as deflate and accepts a response in it.
func callDeflated(t *testing.T, address string, body io.Reader) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/modelserving.Predictor/FastPredict", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/proto")
	req.Header.Set("Content-Encoding", "deflate")
	req.Header.Set("Accept-Encoding", "deflate")
	res, err := httpClient(t, false).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestDeflateInBothDirections(t *testing.T) {
	address, _ := start(t, server.Options{MaxMessageBytes: 100_000})
	for range 2 { // the second with pooled readers and writers
		message, err := proto.Marshal(&modelserving.FastInferenceRequest{ModelName: "stack", RawImage: make([]byte, 50_000)})
		if err != nil {
			t.Fatal(err)
		}
		res := callDeflated(t, address, deflated(t, message))
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != "deflate" {
			t.Fatalf("status %d, headers %v", res.StatusCode, res.Header)
		}
		r, err := zlib.NewReader(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || !bytes.Contains(text, []byte("goroutine")) {
			t.Errorf("%q, %v", text, err)
		}
	}
}

func TestDeflateIsBounded(t *testing.T) {
	address, _ := start(t, server.Options{MaxMessageBytes: 100_000})
	for name, test := range map[string]struct {
		body   io.Reader
		status int
	}{
		"bomb":      {deflated(t, make([]byte, 50_000_000)), http.StatusTooManyRequests},
		"no zlib":   {strings.NewReader("no zlib at all"), http.StatusBadRequest},
		"cut short": {bytes.NewReader(deflated(t, make([]byte, 5000)).Bytes()[:10]), http.StatusBadRequest},
	} {
		if res := callDeflated(t, address, test.body); res.StatusCode != test.status {
			t.Errorf("%s: status %d, want %d", name, res.StatusCode, test.status)
		}
	}
}
