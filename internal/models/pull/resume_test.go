package pull_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/pull"
)

const half = 200_000

// interrupted runs a first pull that ends after half of the file. It returns the origin,
// which drops no more connections, and the options for a second pull.
func interrupted(t *testing.T, prepare func(*origin, *pull.Options)) (*origin, pull.Options) {
	t.Helper()
	o := newOrigin(t, 2*half)
	options := o.options(t)
	if prepare != nil {
		prepare(o, &options)
	}
	o.cut = once(half)
	first := options
	first.Retries = -1
	_, err := pull.Pull(t.Context(), first)
	if partial, ok := errors.AsType[*pull.PartialError](err); !ok || partial.Bytes != half {
		t.Fatalf("error %v, want half of the file kept", err)
	}
	for _, file := range files(t, options.Dir) {
		if !strings.HasPrefix(file, ".pull-cats-1/") {
			t.Errorf("a server would see %s", file)
		}
	}
	return o, options
}

func TestSecondPullResumes(t *testing.T) {
	t.Parallel()
	resumes, restarts := fmt.Sprintf("bytes=%d-", half), ""
	noDigest := func(_ *origin, options *pull.Options) { options.SHA256 = "" }
	changed := func(o *origin, options *pull.Options) {
		o.content, o.etag = modelOf(2*half, 2), `"two"`
		if options.SHA256 != "" {
			options.SHA256 = digestOf(o.content)
		}
	}
	long := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		first, second func(*origin, *pull.Options)
		asks, ifRange string
	}{
		"with a digest":    {nil, nil, resumes, `"one"`},
		"without a digest": {noDigest, nil, resumes, `"one"`},
		"a changed file":   {noDigest, changed, resumes, `"one"`},
		"another digest":   {nil, changed, resumes, `"one"`},
		"by date": {
			func(o *origin, options *pull.Options) { o.etag, o.modified, options.SHA256 = "", long, "" },
			nil, resumes, long.UTC().Format(http.TimeFormat),
		},
		"by a date that changed": {
			func(o *origin, options *pull.Options) { o.etag, o.modified, options.SHA256 = "", long, "" },
			func(o *origin, _ *pull.Options) { o.content, o.modified = modelOf(half/2, 3), long.Add(time.Minute) },
			resumes, long.UTC().Format(http.TimeFormat),
		},
		"by a date too recent to be strong": {func(o *origin, options *pull.Options) {
			o.etag, o.modified, options.SHA256 = "", time.Now().Add(time.Minute), ""
		}, nil, restarts, ""},
		"a weak ETag and a digest":    {func(o *origin, _ *pull.Options) { o.etag, o.modified = `W/"one"`, long }, nil, resumes, ""},
		"a weak ETag alone":           {func(o *origin, options *pull.Options) { o.etag, o.modified, options.SHA256 = `W/"one"`, long, "" }, nil, restarts, ""},
		"a link with a new signature": {nil, func(_ *origin, options *pull.Options) { options.URL += "?signature=2" }, resumes, `"one"`},
		"another URL":                 {noDigest, func(_ *origin, options *pull.Options) { options.URL += "?file=2" }, restarts, ""},
		"a digest given later": {noDigest, func(o *origin, options *pull.Options) {
			options.SHA256 = digestOf(o.content)
		}, resumes, `"one"`},
		"a corrupt record": {nil, func(_ *origin, options *pull.Options) {
			_ = os.WriteFile(filepath.Join(options.Dir, ".pull-cats-1", "source.json"), []byte("{"), 0o600)
		}, restarts, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, options := interrupted(t, c.first)
			if c.second != nil {
				c.second(o, &options)
			}
			result, err := pull.Pull(t.Context(), options)
			if err != nil || result.SHA256 != digestOf(o.content) {
				t.Fatalf("result %+v, %v", result, err)
			}
			pulled(t, options.Dir, o.content)
			second := o.requests[1]
			if second.Get("Range") != c.asks || second.Get("If-Range") != c.ifRange {
				t.Errorf("asked for %q if %q, want %q if %q", second.Get("Range"), second.Get("If-Range"), c.asks, c.ifRange)
			}
			if len(o.requests) != 2 {
				t.Errorf("%d requests", len(o.requests))
			}
		})
	}
}

// TestMismatchedPartsAreNotCombined serves a range regardless of If-Range, or another
// part: the parts must not be combined.
func TestMismatchedPartsAreNotCombined(t *testing.T) {
	t.Parallel()
	other := modelOf(3*half, 2)
	part := func(status int, contentRange, etag string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				_, _ = w.Write(other)
				return
			}
			w.Header().Set("Content-Range", contentRange)
			w.Header().Set("ETag", etag)
			w.WriteHeader(status)
			_, _ = w.Write(other[:half])
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"another file":           part(http.StatusPartialContent, "bytes 200000-399999/400000", `"two"`),
		"another size":           part(http.StatusPartialContent, "bytes 200000-399999/600000", `"one"`),
		"another part":           part(http.StatusPartialContent, "bytes 0-199999/400000", `"one"`),
		"no part":                part(http.StatusPartialContent, "", `"one"`),
		"nonsense":               part(http.StatusPartialContent, "bytes 200000-3/400000", `"one"`),
		"nothing after the half": part(http.StatusRequestedRangeNotSatisfiable, "bytes */100000", `"two"`),
	} {
		t.Run(name, func(t *testing.T) {
			o, options := interrupted(t, func(_ *origin, options *pull.Options) { options.SHA256 = "" })
			o.Config.Handler = handler
			if _, err := pull.Pull(t.Context(), options); err != nil {
				t.Fatal(err)
			}
			pulled(t, options.Dir, other)
		})
	}
}

// TestLastByteReceived drops a connection after the last byte but before the end of the
// body: the server responds 416 to the next request.
func TestLastByteReceived(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	options := o.options(t)
	options.SHA256 = ""
	inner, first := o.Config.Handler, true
	o.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !first {
			inner.ServeHTTP(w, r)
			return
		}
		first = false
		w.Header().Set("ETag", o.etag)
		_, _ = w.Write(o.content)
		w.(http.Flusher).Flush() // chunked, without a length
		panic(http.ErrAbortHandler)
	})
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	pulled(t, options.Dir, o.content)
	if got := o.ranges(); !slices.Equal(got, []string{"bytes=1000-"}) {
		t.Errorf("ranges %q", got)
	}
}

// TestPullKilledWhilePublishing finds the complete file in the staging directory and sends
// no request.
func TestPullKilledWhilePublishing(t *testing.T) {
	t.Parallel()
	o, options := interrupted(t, nil)
	work := filepath.Join(options.Dir, ".pull-cats-1")
	staged := filepath.Join(work, "staged", "1")
	if err := errors.Join(
		os.MkdirAll(staged, 0o755),
		os.Remove(filepath.Join(work, "model.onnx.partial")),
		os.WriteFile(filepath.Join(staged, "model.onnx"), o.content, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	pulled(t, options.Dir, o.content)
	if len(o.requests) != 1 {
		t.Errorf("%d requests", len(o.requests))
	}
}

// TestCorruptPartIsNotPublished modifies the bytes of the first pull.
func TestCorruptPartIsNotPublished(t *testing.T) {
	t.Parallel()
	o, options := interrupted(t, nil)
	partial := filepath.Join(options.Dir, ".pull-cats-1", "model.onnx.partial")
	if err := os.WriteFile(partial, modelOf(half, 2), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pull.Pull(t.Context(), options); !errors.Is(err, pull.ErrChecksum) {
		t.Errorf("error %v", err)
	}
	if got := files(t, options.Dir); len(got) != 0 {
		t.Errorf("the repository holds %q", got)
	}
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	pulled(t, options.Dir, o.content)
}
