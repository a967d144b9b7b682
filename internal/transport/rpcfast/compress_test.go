package rpcfast_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Most clients accept compressed responses by default. Compressing tensors costs more
// than the rest of their call.
func TestTensorsAreNotCompressed(t *testing.T) {
	t.Parallel()
	ours := bothSides().ours.handler
	for _, c := range []struct {
		name   string
		body   []byte
		zipped bool
	}{
		{"a tensor", script(t, "s", 4000), false},
		{"text", script(t, "M", 0), true},
		{"nothing", script(t, "0", 0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, contentType := range []string{"application/grpc", "application/proto"} {
				body := c.body
				if contentType == "application/grpc" {
					body = envelope(0, body)
				}
				q := request{
					procedure: "Unary", method: http.MethodPost, body: body, major: 2,
					header: map[string]string{"Content-Type": contentType, "Grpc-Accept-Encoding": "identity,gzip", "Accept-Encoding": "gzip"},
				}
				w := httptest.NewRecorder()
				ours.ServeHTTP(w, q.build(t.Context()))
				zipped := w.Result().Header.Get("Content-Encoding") == "gzip"
				if contentType == "application/grpc" {
					zipped = w.Body.Bytes()[0] == 1
				}
				if zipped != c.zipped {
					t.Errorf("%s: an answer of %s is compressed: %v, want %v", contentType, c.name, zipped, c.zipped)
				}
			}
		})
	}
}
