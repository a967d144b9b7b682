package oiprest_test

import (
	"errors"
	"image/color"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// countingRepository counts the leases that are taken.
type countingRepository struct {
	*handlertest.Repository
	leases int
}

func (r *countingRepository) Acquire(name, version string) (*infer.Lease, error) {
	r.leases++
	return r.Repository.Acquire(name, version)
}

// A request that is made by one version and run by another fails when a model with
// other inputs takes the first one's place in between.
func TestARequestIsMadeAndRunByOneVersion(t *testing.T) {
	_, fake := handlertest.OIP(t, map[string]*infertest.Model{"image": infertest.Pictures(), "vector": infertest.Echo(tensor.FP32, -1, 2)}, handlertest.Options{})
	counting := &countingRepository{Repository: fake}
	h := handlertest.New(counting, handlertest.Options{}).REST
	picture := infertest.PNG(t, 2, 2, func(int, int) color.Color { return color.White })
	for _, test := range []struct {
		model, header, value string
		body                 []byte
	}{
		{"image", "Content-Type", "image/png", picture},
		{"vector", "Inference-Header-Content-Length", "0", make([]byte, 16)},
		{"vector", "Content-Type", "application/json", []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`)},
	} {
		counting.leases = 0
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/"+test.model+"/infer", test.body, test.header, test.value)
		if a.Status != http.StatusOK || counting.leases != 1 {
			t.Errorf("%s with %s %s: %d %s, %d leases", test.model, test.header, test.value, a.Status, a.Body, counting.leases)
		}
	}
}

// goneWriter is the answer to a caller that left, which keeps the written slice, as
// HTTP/2 may for a moment.
type goneWriter struct {
	http.ResponseWriter
	kept []byte
}

func (w *goneWriter) Write(p []byte) (int, error) {
	w.kept = p
	return 0, errors.New("the stream is closed")
}

func TestMemoryOfAnUnsentAnswerIsNotReused(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.Bytes, -1)}, handlertest.Options{})
	body := func(word string) string {
		return `{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":["` + strings.Repeat(word, 1000) + `"]}]}`
	}
	for _, coding := range []string{"identity", "gzip"} {
		r := httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", strings.NewReader(body("first")))
		r.Header.Set("Accept-Encoding", coding)
		gone := &goneWriter{ResponseWriter: httptest.NewRecorder()}
		h.ServeHTTP(gone, r)
		before := string(gone.kept)
		for range 10 {
			if a := handlertest.Infer(t, h, body("other"), nil, "Accept-Encoding", coding); a.Status != http.StatusOK {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
		}
		if len(before) == 0 || string(gone.kept) != before {
			t.Errorf("%s: another answer was written over one that may still be sent", coding)
		}
	}
}
