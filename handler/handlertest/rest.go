package handlertest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// Answer is the answer to a request of REST.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Send sends a request to h; headers alternate names and values.
func Send(t testing.TB, h http.Handler, method, target string, body []byte, headers ...string) Answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, bytes.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if length := w.Header().Get("Content-Length"); length != "" && length != strconv.Itoa(w.Body.Len()) {
		t.Errorf("%s %s: Content-Length is %s, the answer has %d bytes", method, target, length, w.Body.Len())
	}
	return Answer{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
}

// Infer sends the JSON of a request, and tensors after it, to model m.
func Infer(t testing.TB, h http.Handler, text string, tensors []byte, headers ...string) Answer {
	t.Helper()
	if tensors != nil {
		headers = append(headers, "Inference-Header-Content-Length", strconv.Itoa(len(text)))
	}
	return Send(t, h, http.MethodPost, "/v2/models/m/infer", append([]byte(text), tensors...), headers...)
}

// Split returns an answer's JSON and the tensors after it.
func (a Answer) Split(t testing.TB) (text string, tensors []byte) {
	t.Helper()
	length := len(a.Body)
	if header := a.Header.Get("Inference-Header-Content-Length"); header != "" {
		var err error
		if length, err = strconv.Atoi(header); err != nil || length > len(a.Body) {
			t.Fatalf("Inference-Header-Content-Length is %s, the body has %d bytes", header, len(a.Body))
		}
	}
	return string(a.Body[:length]), a.Body[length:]
}

// Failure returns the text of an answer in the protocol's form of an error.
func (a Answer) Failure(t testing.TB) string {
	t.Helper()
	var body map[string]string
	if err := json.Unmarshal(a.Body, &body); err != nil || len(body) != 1 || body["error"] == "" {
		t.Errorf("status %d with %q, which is no error of the protocol: %v", a.Status, a.Body, err)
	}
	if contentType := a.Header.Get("Content-Type"); contentType != "application/json" {
		t.Errorf("an error of Content-Type %q", contentType)
	}
	return body["error"]
}
