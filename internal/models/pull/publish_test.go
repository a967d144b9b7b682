package pull_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/pull"
)

// TestVersionCreatedDuringPullIsKept creates the version manually while the pull runs. It
// stays, and so does the downloaded file in the workspace.
func TestVersionCreatedDuringPullIsKept(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	options := o.options(t)
	version := filepath.Join(options.Dir, "cats", "1")
	options.Progress = func(pull.Progress) {
		if err := os.MkdirAll(version, 0o755); err != nil {
			t.Error(err)
		}
	}
	_, err := pull.Pull(t.Context(), options)
	partial, ok := errors.AsType[*pull.PartialError](err)
	if !ok || !errors.Is(err, pull.ErrExists) || partial.Bytes != 1000 {
		t.Fatalf("error %v", err)
	}
	wantError(t, err, "use version 2")
	if err := os.Remove(version); err != nil {
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

// TestNewVersionKeepsOtherFiles adds a version to a model with files.
func TestNewVersionKeepsOtherFiles(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	options := o.options(t)
	options.Version = 10
	old := filepath.Join(options.Dir, "cats", "9")
	if err := errors.Join(
		os.MkdirAll(old, 0o755),
		os.WriteFile(filepath.Join(old, "model.onnx"), []byte("old"), 0o600),
		os.WriteFile(filepath.Join(options.Dir, "cats", "labels.txt"), []byte("cat"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	if got := files(t, options.Dir); !slices.Equal(got, []string{"cats/10/model.onnx", "cats/9/model.onnx", "cats/labels.txt"}) {
		t.Errorf("the repository holds %q", got)
	}
}

// TestManyPullsOfOneVersion runs competing pulls. Each ends with the model in place or
// an ErrBusy; at most one downloads at a time.
func TestManyPullsOfOneVersion(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	var mu sync.Mutex
	var running int
	inner := o.Config.Handler
	o.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		running++
		if running > 1 {
			t.Error("two pulls of a version download at once")
		}
		mu.Unlock()
		inner.ServeHTTP(w, r)
		mu.Lock()
		running--
		mu.Unlock()
	})
	for range 10 {
		options := o.options(t)
		var pulls sync.WaitGroup
		for range 6 {
			pulls.Go(func() {
				_, err := pull.Pull(t.Context(), options)
				for errors.Is(err, pull.ErrBusy) {
					_, err = pull.Pull(t.Context(), options)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		pulls.Wait()
		pulled(t, options.Dir, o.content)
	}
	if len(o.requests) != 10 {
		t.Errorf("%d requests for 10 models", len(o.requests))
	}
}

// TestServerSendsShorterRanges responds to ranges with parts of them.
func TestServerSendsShorterRanges(t *testing.T) {
	t.Parallel()
	o, options := interrupted(t, nil)
	o.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var start int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start); err != nil {
			t.Error(err)
		}
		end := min(start+half/3, len(o.content))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, end-1, len(o.content)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(o.content[start:end])
	})
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	pulled(t, options.Dir, o.content)
}
