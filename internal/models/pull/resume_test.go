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

// interrupted makes a first pull that ends after half of the file. It returns the
// origin, which cuts no more, and the options to pull again.
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

func TestASecondPullGoesOn(t *testing.T) {
	t.Parallel()
	goesOn, anew := fmt.Sprintf("bytes=%d-", half), ""
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
		"with a digest":    {nil, nil, goesOn, `"one"`},
		"without a digest": {noDigest, nil, goesOn, `"one"`},
		"a changed file":   {noDigest, changed, goesOn, `"one"`},
		"another digest":   {nil, changed, goesOn, `"one"`},
		"by date": {
			func(o *origin, options *pull.Options) { o.etag, o.modified, options.SHA256 = "", long, "" },
			nil, goesOn, long.UTC().Format(http.TimeFormat),
		},
		"by a date that changed": {
			func(o *origin, options *pull.Options) { o.etag, o.modified, options.SHA256 = "", long, "" },
			func(o *origin, _ *pull.Options) { o.content, o.modified = modelOf(half/2, 3), long.Add(time.Minute) },
			goesOn, long.UTC().Format(http.TimeFormat),
		},
		"by a date too fresh to tell": {func(o *origin, options *pull.Options) {
			o.etag, o.modified, options.SHA256 = "", time.Now().Add(time.Minute), ""
		}, nil, anew, ""},
		"a weak ETag and a digest": {func(o *origin, _ *pull.Options) { o.etag, o.modified = `W/"one"`, long }, nil, goesOn, ""},
		"a weak ETag alone":        {func(o *origin, options *pull.Options) { o.etag, o.modified, options.SHA256 = `W/"one"`, long, "" }, nil, anew, ""},
		"a link signed anew":       {nil, func(_ *origin, options *pull.Options) { options.URL += "?signature=2" }, goesOn, `"one"`},
		"another URL":              {noDigest, func(_ *origin, options *pull.Options) { options.URL += "?file=2" }, anew, ""},
		"a digest given later": {noDigest, func(o *origin, options *pull.Options) {
			options.SHA256 = digestOf(o.content)
		}, goesOn, `"one"`},
		"a spoilt record": {nil, func(_ *origin, options *pull.Options) {
			_ = os.WriteFile(filepath.Join(options.Dir, ".pull-cats-1", "source.json"), []byte("{"), 0o600)
		}, anew, ""},
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

// TestAServerThatMinglesFiles answers a range without regard to If-Range, or with
// another part: the parts must not be put together.
func TestAServerThatMinglesFiles(t *testing.T) {
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

// TestTheLastByteWasThere cuts a connection that has brought the file but not its
// end: the server says that nothing follows, with status 416.
func TestTheLastByteWasThere(t *testing.T) {
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
		w.(http.Flusher).Flush() // without a length, so in chunks
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

// TestAPullThatWasKilledAtTheEnd finds the whole file where it was staged, and asks
// for nothing.
func TestAPullThatWasKilledAtTheEnd(t *testing.T) {
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

// TestASpoiltPartIsNotPublished changes what the first pull left.
func TestASpoiltPartIsNotPublished(t *testing.T) {
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
