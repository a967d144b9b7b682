package pull_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/models/pull"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// never is the cut of a complete response.
const never = -1

// origin is a server of one file that can drop connections. Its fields may be
// changed between requests.
type origin struct {
	*httptest.Server
	content  []byte
	etag     string
	modified time.Time
	// noRanges makes it ignore Range and send the whole file.
	noRanges bool
	// cut returns the number of bytes of the body after which the connection of a
	// request, counted from 0, is dropped. nil drops none.
	cut func(request int) int

	mu       sync.Mutex
	requests []http.Header
}

// newOrigin serves size bytes that begin like an ONNX file.
func newOrigin(t *testing.T, size int) *origin {
	t.Helper()
	o := &origin{content: modelOf(size, 1), etag: `"one"`}
	o.Server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(o.Close)
	return o
}

func modelOf(size int, seed byte) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(content) // never fails
	content[0] = 0x08
	return content
}

func (o *origin) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	number := len(o.requests)
	o.requests = append(o.requests, r.Header.Clone())
	o.mu.Unlock()
	if o.etag != "" {
		w.Header().Set("ETag", o.etag)
	}
	if o.noRanges {
		r.Header.Del("Range")
	}
	if o.cut != nil {
		if after := o.cut(number); after != never {
			w = &cutter{w, after}
		}
	}
	http.ServeContent(w, r, "model.onnx", o.modified, bytes.NewReader(o.content))
}

// ranges returns the Range header of each request so far, empty if absent.
func (o *origin) ranges() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []string
	for _, header := range o.requests {
		all = append(all, header.Get("Range"))
	}
	return all
}

// cutter drops the connection after some bytes of the body.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// once drops the first connection.
func once(after int) func(int) int {
	return func(request int) int {
		if request == 0 {
			return after
		}
		return never
	}
}

func always(after int) func(int) int { return func(int) int { return after } }

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// options returns the options to pull the origin's file as cats into a new repository.
func (o *origin) options(t *testing.T) pull.Options {
	t.Helper()
	return pull.Options{
		URL: o.URL + "/model.onnx", Dir: t.TempDir(), Name: "cats", SHA256: digestOf(o.content),
		Backoff: time.Millisecond,
		Notice:  func(text string) { t.Log(text) },
	}
}

// pulled checks that the repository holds content as cats, version 1, and nothing
// else.
func pulled(t *testing.T, dir string, content []byte) {
	t.Helper()
	found, err := os.ReadFile(filepath.Join(dir, "cats", "1", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(found, content) {
		t.Errorf("the model has %d bytes with digest %s, want %d with %s", len(found), digestOf(found), len(content), digestOf(content))
	}
	if got := files(t, dir); !slices.Equal(got, []string{"cats/1/model.onnx"}) {
		t.Errorf("the repository holds %q", got)
	}
}

// files lists the files below dir, and empty directories.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		name = filepath.ToSlash(name)
		if err == nil && entry.IsDir() {
			var inside []os.DirEntry
			if inside, err = os.ReadDir(path); len(inside) > 0 || name == "." {
				return err
			}
			name += "/"
		}
		all = append(all, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantError checks that err contains every text.
func wantError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not contain %q", err, text)
		}
	}
}
