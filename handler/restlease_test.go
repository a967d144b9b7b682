package handler_test

import (
	"errors"
	"image/color"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// countingRepository counts the leases that are taken.
type countingRepository struct {
	*fakeRepository
	leases int
}

func (r *countingRepository) Acquire(name, version string) (*repository.Lease[*handler.Serving], error) {
	r.leases++
	return r.fakeRepository.Acquire(name, version)
}

// A request that is made by one version and run by another fails when a model with
// other inputs takes the first one's place in between.
func TestARequestIsMadeAndRunByOneVersion(t *testing.T) {
	_, fake := newInference(t, map[string]*fakeModel{"image": takesPictures(), "vector": echo(tensor.FP32, -1, 2)}, handler.InferenceOptions{})
	counting := &countingRepository{fakeRepository: fake}
	log := slog.New(slog.DiscardHandler)
	h := handler.NewREST(handler.NewInference(counting, handler.InferenceOptions{Logger: log}), handler.NewPredictor(counting, handler.PredictorOptions{Logger: log}), handler.RESTOptions{Logger: log})
	picture := encodePNG(t, 2, 2, func(int, int) color.Color { return color.White })
	for _, test := range []struct {
		model, header, value string
		body                 []byte
	}{
		{"image", "Content-Type", "image/png", picture},
		{"vector", "Inference-Header-Content-Length", "0", make([]byte, 16)},
		{"vector", "Content-Type", "application/json", []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`)},
	} {
		counting.leases = 0
		a := ask(t, h, http.MethodPost, "/v2/models/"+test.model+"/infer", test.body, test.header, test.value)
		if a.status != http.StatusOK || counting.leases != 1 {
			t.Errorf("%s with %s %s: %d %s, %d leases", test.model, test.header, test.value, a.status, a.body, counting.leases)
		}
	}
}

// goneWriter is the answer to a caller that has gone, which keeps what it was given, as
// HTTP/2 may for a moment.
type goneWriter struct {
	http.ResponseWriter
	kept []byte
}

func (w *goneWriter) Write(p []byte) (int, error) {
	w.kept = p
	return 0, errors.New("the stream is closed")
}

func TestAnAnswerToNobodyIsNotWrittenOver(t *testing.T) {
	h, _ := newREST(t, map[string]*fakeModel{"m": echo(tensor.Bytes, -1)}, handler.InferenceOptions{}, handler.RESTOptions{})
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
			if a := infer(t, h, body("other"), nil, "Accept-Encoding", coding); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		if len(before) == 0 || string(gone.kept) != before {
			t.Errorf("%s: another answer was written over one that may still be sent", coding)
		}
	}
}
