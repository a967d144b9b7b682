package pull_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/pull"
)

// script is a transport that returns prepared responses in order.
type script struct {
	responses []func(*http.Request) (*http.Response, error)
	ranges    []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	respond := s.responses[len(s.ranges)]
	s.ranges = append(s.ranges, r.Header.Get("Range"))
	return respond(r)
}

// noResponse blocks until the request is cancelled.
func noResponse(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// size is the size of the files, in bytes.
const size = 1000

// partialBody responds with content from offset start. If that is not the rest of the file,
// the body then blocks until the request is cancelled.
func partialBody(content []byte, start int) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		response := newResponse(http.StatusOK, nil)
		response.Header.Set("ETag", `"one"`)
		response.ContentLength = int64(size - start)
		if start > 0 {
			response.StatusCode = http.StatusPartialContent
			response.Header.Set("Content-Range", "bytes "+strconv.Itoa(start)+"-"+strconv.Itoa(size-1)+"/"+strconv.Itoa(size))
		}
		body := io.Reader(bytes.NewReader(content))
		if start+len(content) < size {
			body = io.MultiReader(body, readerFunc(func([]byte) (int, error) {
				<-r.Context().Done()
				return 0, context.Cause(r.Context())
			}))
		}
		response.Body = io.NopCloser(body)
		return response, nil
	}
}

func newResponse(status int, header http.Header) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Status: strconv.Itoa(status) + " " + http.StatusText(status), Header: header, Body: http.NoBody}
}

func statusWithRetryAfter(status int, after string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return newResponse(status, http.Header{"Retry-After": {after}}), nil
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// scripted pulls content through s. It runs in a synctest bubble and returns the fake
// time that the pull took.
func scripted(t *testing.T, content []byte, s *script, retries int) (string, time.Duration, error) {
	t.Helper()
	dir, begun := t.TempDir(), time.Now()
	_, err := pull.Pull(t.Context(), pull.Options{
		URL: "http://host/model.onnx", Dir: dir, Name: "cats", SHA256: digestOf(content),
		Transport: s, Retries: retries, Notice: func(text string) { t.Log(text) },
	})
	return dir, time.Since(begun), err
}

type responses = []func(*http.Request) (*http.Response, error)

func TestServerStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content := modelOf(size, 1)
		s := &script{responses: responses{noResponse, partialBody(content[:400], 0), partialBody(content[400:700], 400), partialBody(content[700:], 700)}}
		dir, took, err := scripted(t, content, s, 0)
		if err != nil {
			t.Fatal(err)
		}
		pulled(t, dir, content)
		if want := []string{"", "", "bytes=400-", "bytes=700-"}; !slices.Equal(s.ranges, want) {
			t.Errorf("ranges %q, want %q", s.ranges, want)
		}
		// Three stalls, and waits of up to 1, 2 and 4 s.
		if took < 3*pull.DefaultStallTimeout || took > 3*pull.DefaultStallTimeout+7*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestServerStallsForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content := modelOf(size, 1)
		s := &script{responses: responses{partialBody(content[:400], 0), noResponse, noResponse}}
		_, _, err := scripted(t, content, s, 2)
		wantError(t, err, "sent nothing for 1m0s", "failed after 2 retries")
		if partial, ok := errors.AsType[*pull.PartialError](err); !ok || partial.Bytes != 400 {
			t.Errorf("error %v", err)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after string
		waits time.Duration
		fails bool
	}{
		"seconds":  {"20", 20 * time.Second, false},
		"a date":   {"Sat, 01 Jan 2000 00:00:30 GMT", 30 * time.Second, false}, // synctest begins at 2000
		"nonsense": {"soon", 0, false},
		"too long": {"3600", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				content := modelOf(size, 1)
				s := &script{responses: responses{statusWithRetryAfter(http.StatusServiceUnavailable, c.after), partialBody(content, 0)}}
				dir, took, err := scripted(t, content, s, 0)
				if c.fails {
					wantError(t, err, "503", "1h0m0s")
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				pulled(t, dir, content)
				if took < c.waits || took > c.waits+time.Second {
					t.Errorf("took %v, want %v", took, c.waits)
				}
			})
		})
	}
}

func TestTemporaryStatuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content := modelOf(size, 1)
		s := &script{}
		for _, status := range []int{408, 425, 429, 500, 502, 503, 504} {
			s.responses = append(s.responses, statusWithRetryAfter(status, ""))
		}
		s.responses = append(s.responses, partialBody(content, 0))
		dir, _, err := scripted(t, content, s, 7)
		if err != nil {
			t.Fatal(err)
		}
		pulled(t, dir, content)
	})
}
