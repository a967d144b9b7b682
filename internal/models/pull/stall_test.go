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

// script is a transport that gives one prepared answer after the other.
type script struct {
	answers []func(*http.Request) (*http.Response, error)
	ranges  []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := s.answers[len(s.ranges)]
	s.ranges = append(s.ranges, r.Header.Get("Range"))
	return answer(r)
}

// silence answers nothing until the request is given up.
func silence(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// size is that of the files that are sent.
const size = 1000

// sends answers with content from the byte at start on. Where it ends early, nothing
// more comes until the request is given up.
func sends(content []byte, start int) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		response := answer(http.StatusOK, nil)
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

func answer(status int, header http.Header) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Status: strconv.Itoa(status) + " " + http.StatusText(status), Header: header, Body: http.NoBody}
}

func refuses(status int, after string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return answer(status, http.Header{"Retry-After": {after}}), nil
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// scripted pulls content by way of s, in a world in which time passes at once. It
// returns how long the pull took there.
func scripted(t *testing.T, content []byte, s *script, retries int) (string, time.Duration, error) {
	t.Helper()
	dir, begun := t.TempDir(), time.Now()
	_, err := pull.Pull(t.Context(), pull.Options{
		URL: "http://host/model.onnx", Dir: dir, Name: "cats", SHA256: digestOf(content),
		Transport: s, Retries: retries, Notice: func(text string) { t.Log(text) },
	})
	return dir, time.Since(begun), err
}

type answers = []func(*http.Request) (*http.Response, error)

func TestAServerThatStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content := modelOf(size, 1)
		s := &script{answers: answers{silence, sends(content[:400], 0), sends(content[400:700], 400), sends(content[700:], 700)}}
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

func TestAServerThatStallsForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content := modelOf(size, 1)
		s := &script{answers: answers{sends(content[:400], 0), silence, silence}}
		_, _, err := scripted(t, content, s, 2)
		saying(t, err, "sends nothing for 1m0s", "gave up after 2 retries")
		if partial, ok := errors.AsType[*pull.PartialError](err); !ok || partial.Bytes != 400 {
			t.Errorf("error %v", err)
		}
	})
}

func TestAServerThatAsksToWait(t *testing.T) {
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
				s := &script{answers: answers{refuses(http.StatusServiceUnavailable, c.after), sends(content, 0)}}
				dir, took, err := scripted(t, content, s, 0)
				if c.fails {
					saying(t, err, "503", "1h0m0s")
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

func TestStatusesThatPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content := modelOf(size, 1)
		s := &script{}
		for _, status := range []int{408, 425, 429, 500, 502, 503, 504} {
			s.answers = append(s.answers, refuses(status, ""))
		}
		s.answers = append(s.answers, sends(content, 0))
		dir, _, err := scripted(t, content, s, 7)
		if err != nil {
			t.Fatal(err)
		}
		pulled(t, dir, content)
	})
}
