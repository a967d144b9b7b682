package pull_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/pull"
)

// rejected pulls from handler, and checks that the pull fails at the first response and
// leaves no files.
func rejected(t *testing.T, handler http.HandlerFunc, change func(*pull.Options)) error {
	t.Helper()
	o := newOrigin(t, 1000)
	options := o.options(t)
	o.Config.Handler = handler
	options.Notice = func(text string) { t.Errorf("notice %q", text) }
	if change != nil {
		change(&options)
	}
	_, err := pull.Pull(t.Context(), options)
	if got := files(t, options.Dir); len(got) != 0 {
		t.Errorf("the repository holds %q", got)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("error %q contains a secret", err)
	}
	return err
}

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func TestWrongChecksum(t *testing.T) {
	t.Parallel()
	const text = "<html>the model has moved</html>"
	err := rejected(t, body(text), nil)
	if !errors.Is(err, pull.ErrChecksum) {
		t.Errorf("error %v", err)
	}
	wantError(t, err, digestOf([]byte(text)), digestOf(modelOf(1000, 1)))
}

func TestNotAModel(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<!DOCTYPE html>": "it is a web page (HTML): download the file itself", "\n<html>": "a web page", `{"error":"not found"}`: "JSON",
		"version https://git-lfs.github.com/spec/v1\noid": "it is a pointer of Git LFS", "version https://git-lfs": `begins with "version`,
		"PK\x03\x04": "a zip archive", "\x1f\x8b\x08": "a gzip archive", "404: Not Found": `it begins with "404: Not Found"`, "": "is empty",
	} {
		err := rejected(t, body(text), func(options *pull.Options) { options.SHA256 = "" })
		if !errors.Is(err, pull.ErrNotModel) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestPermanentStatuses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNoContent, http.StatusPartialContent, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable, http.StatusNotImplemented} {
		err := rejected(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(status)
		}, func(options *pull.Options) { options.URL += "?key=secret" })
		wantError(t, err, fmt.Sprint(status), "/model.onnx")
	}
}

func TestCompressedBody(t *testing.T) {
	t.Parallel()
	err := rejected(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(modelOf(1000, 1))
		_ = z.Close()
	}, nil)
	wantError(t, err, `"gzip"`)
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	limit := func(options *pull.Options) { options.MaxBytes = 999 }
	err := rejected(t, body(string(modelOf(1000, 1))), limit)
	if !errors.Is(err, pull.ErrTooLarge) {
		t.Errorf("announced: error %v", err)
	}
	wantError(t, err, "999", "1000")
	err = rejected(t, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush() // removes the length
		_, _ = w.Write(modelOf(1000, 1))
	}, limit)
	if !errors.Is(err, pull.ErrTooLarge) {
		t.Errorf("not announced: error %v", err)
	}
}

// TestBodyWithoutLength serves HTTP/1.0, which ends the file by closing the connection:
// only a digest can detect a truncated file.
func TestBodyWithoutLength(t *testing.T) {
	t.Parallel()
	content := modelOf(1000, 1)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		connection, buffer, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = buffer.WriteString("HTTP/1.0 200 OK\r\n\r\n" + string(content))
		_ = errors.Join(buffer.Flush(), connection.Close())
	}
	wantError(t, rejected(t, handler, func(options *pull.Options) { options.SHA256 = "" }), "set sha256 to the digest of the file")
	o := newOrigin(t, 1000)
	options := o.options(t)
	o.Config.Handler = http.HandlerFunc(handler)
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	pulled(t, options.Dir, content)
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	o.cut = once(500)
	to := func(target string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) }
	}
	from := httptest.NewServer(to(o.URL + "/elsewhere?key=secret"))
	defer from.Close()
	options := o.options(t)
	options.URL = from.URL + "/model.onnx?key=secret"
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	pulled(t, options.Dir, o.content)
	if second := o.requests[1]; second.Get("Range") != "bytes=500-" || second.Get("Referer") != "" {
		t.Errorf("the second request %v", second)
	}

	wantError(t, rejected(t, to("ftp://host/model.onnx?key=secret"), nil), "ftp:", "neither http nor https")
	wantError(t, rejected(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/model.onnx", http.StatusFound) }, nil), "10 times")
	secure := httptest.NewUnstartedServer(to(o.URL + "/model.onnx"))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // discards the error of the rejected certificate
	secure.StartTLS()
	defer secure.Close()
	err := rejected(t, nil, func(options *pull.Options) {
		options.URL, options.Transport = secure.URL+"/model.onnx", secure.Client().Transport
	})
	wantError(t, err, "from https to http:")
	err = rejected(t, nil, func(options *pull.Options) { options.URL = secure.URL + "/model.onnx?key=secret" })
	wantError(t, err, "certificate")
}

func TestInvalidOptions(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*pull.Options){
		func(o *pull.Options) { o.URL = "" },
		func(o *pull.Options) { o.URL = "model.onnx" },
		func(o *pull.Options) { o.URL = "ftp://host/model.onnx" },
		func(o *pull.Options) { o.URL = "http:///model.onnx" },
		func(o *pull.Options) { o.URL = "http://me:secret@host:x/model.onnx" },
		func(o *pull.Options) { o.Name = "" },
		func(o *pull.Options) { o.Name = "." },
		func(o *pull.Options) { o.Name = ".." },
		func(o *pull.Options) { o.Name = ".cats" },
		func(o *pull.Options) { o.Name = "../cats" },
		func(o *pull.Options) { o.Name = "a/b" },
		func(o *pull.Options) { o.Name = `a\b` },
		func(o *pull.Options) { o.Name = "a\x00b" },
		func(o *pull.Options) { o.Name = "a\nb" },
		func(o *pull.Options) { o.Name = "\xff" },
		func(o *pull.Options) { o.Name = "cats " },
		func(o *pull.Options) { o.Name = strings.Repeat("c", 201) },
		func(o *pull.Options) { o.Version = -1 },
		func(o *pull.Options) { o.SHA256 = "abc" },
		func(o *pull.Options) { o.SHA256 = strings.Repeat("x", 64) },
		func(o *pull.Options) { o.MaxBytes = -1 },
		func(o *pull.Options) { o.StallTimeout = -1 },
		func(o *pull.Options) { o.Backoff = -1 },
	} {
		options := pull.Options{URL: "http://127.0.0.1:1/model.onnx", Dir: t.TempDir(), Name: "cats"}
		change(&options)
		_, err := pull.Pull(t.Context(), options)
		if !errors.Is(err, pull.ErrOptions) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: error %v", options, err)
		}
	}
	_, err := pull.Pull(t.Context(), pull.Options{URL: "http://127.0.0.1:1/model.onnx", Dir: filepath.Join(t.TempDir(), "none"), Name: "cats"})
	wantError(t, err, "none", "does not exist")
}
