package pull_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/pull"
)

func TestModelAppearsComplete(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 700_000)
	options := o.options(t)
	var last pull.Progress
	options.Progress = func(p pull.Progress) {
		if p.Bytes <= last.Bytes || p.Total != 700_000 {
			t.Errorf("progress %+v after %+v", p, last)
		}
		last = p
		if _, err := os.Lstat(filepath.Join(options.Dir, "cats")); err == nil {
			t.Error("the model is in the repository before it is whole")
		}
	}
	options.SHA256 = strings.ToUpper(options.SHA256)
	result, err := pull.Pull(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	want := pull.Result{Path: filepath.Join(options.Dir, "cats", "1", "model.onnx"), SHA256: digestOf(o.content), Bytes: 700_000}
	if result != want {
		t.Errorf("result %+v, want %+v", result, want)
	}
	if last.Bytes != 700_000 {
		t.Errorf("the last progress is %+v", last)
	}
	pulled(t, options.Dir, o.content)
	if encoding := o.requests[0].Get("Accept-Encoding"); encoding != "identity" {
		t.Errorf("asked for encoding %q", encoding)
	}
}

func TestResultHasDigest(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	options := o.options(t)
	options.SHA256 = ""
	result, err := pull.Pull(t.Context(), options)
	if err != nil || result.SHA256 != digestOf(o.content) {
		t.Errorf("result %+v, %v", result, err)
	}
	pulled(t, options.Dir, o.content)
}

func TestExistingVersionIsKept(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	for name, c := range map[string]struct {
		file   string
		digest string
		want   string
	}{
		"unknown": {"model.onnx", "", "use version 4"},
		"other":   {"model.onnx", digestOf([]byte("other")), digestOf([]byte("mine"))},
		"no file": {"notes.txt", digestOf(o.content), "without a model.onnx"},
	} {
		t.Run(name, func(t *testing.T) {
			options := o.options(t)
			options.SHA256 = c.digest
			for _, version := range []string{"1", "3"} {
				dir := filepath.Join(options.Dir, "cats", version)
				if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, c.file), []byte("mine"), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			before := files(t, options.Dir)
			_, err := pull.Pull(t.Context(), options)
			if !errors.Is(err, pull.ErrExists) {
				t.Errorf("error %v", err)
			}
			wantError(t, err, c.want, "use version 4")
			if got := files(t, options.Dir); !slices.Equal(got, before) {
				t.Errorf("the repository holds %q, held %q", got, before)
			}
		})
	}
	if len(o.requests) != 0 {
		t.Errorf("%d requests", len(o.requests))
	}
}

func TestRepeatedPullDownloadsOnce(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	options := o.options(t)
	for _, present := range []bool{false, true} {
		result, err := pull.Pull(t.Context(), options)
		if err != nil || result.Present != present || result.Bytes != 1000 || result.SHA256 != options.SHA256 {
			t.Errorf("result %+v, %v", result, err)
		}
	}
	if len(o.requests) != 1 {
		t.Errorf("%d requests", len(o.requests))
	}
	pulled(t, options.Dir, o.content)
}

// TestConcurrentVersions pulls several versions of a new model concurrently. The first
// one to finish creates the model's directory.
func TestConcurrentVersions(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	options := o.options(t)
	var pulls sync.WaitGroup
	var want []string
	for version := range int64(8) {
		want = append(want, fmt.Sprintf("cats/%d/model.onnx", version+1))
		pulls.Go(func() {
			options := options
			options.Version = version + 1
			if _, err := pull.Pull(t.Context(), options); err != nil {
				t.Error(err)
			}
		})
	}
	pulls.Wait()
	if got := files(t, options.Dir); !slices.Equal(got, want) {
		t.Errorf("the repository holds %q, want %q", got, want)
	}
}

func TestConcurrentPullIsBusy(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	options := o.options(t)
	arrived, goOn := make(chan struct{}), make(chan struct{})
	inner := o.Config.Handler
	o.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-goOn
		inner.ServeHTTP(w, r)
	})
	first := make(chan error, 1)
	go func() {
		_, err := pull.Pull(t.Context(), options)
		first <- err
	}()
	<-arrived
	_, err := pull.Pull(t.Context(), options)
	close(goOn)
	if !errors.Is(err, pull.ErrBusy) {
		t.Errorf("the second pull: %v", err)
	}
	wantError(t, err, `"cats" version 1`)
	if err := <-first; err != nil {
		t.Errorf("the first pull: %v", err)
	}
	pulled(t, options.Dir, o.content)
}

func TestCancelledPullKeepsItsBytes(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 3<<20)
	options := o.options(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	options.Progress = func(p pull.Progress) {
		if p.Bytes > 1<<20 {
			cancel(reason)
		}
	}
	_, err := pull.Pull(ctx, options)
	partial, ok := errors.AsType[*pull.PartialError](err)
	if !ok || !errors.Is(err, reason) || partial.Bytes <= 1<<20 || partial.Total != 3<<20 {
		t.Fatalf("error %v", err)
	}
	options.Progress = nil
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	if got, want := o.ranges(), []string{"", fmt.Sprintf("bytes=%d-", partial.Bytes)}; !slices.Equal(got, want) {
		t.Errorf("ranges %q, want %q", got, want)
	}
	pulled(t, options.Dir, o.content)
}
