package infer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// full is a model of images whose queue is full.
type full struct{}

func (full) Load(context.Context, string, engine.LoadOptions) (engine.Session, error) {
	return full{}, nil
}

func (full) Signature() *engine.Signature {
	tensors := []engine.TensorSpec{{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{1, 3, 2, 2}}}
	return &engine.Signature{Inputs: tensors, Outputs: tensors}
}

func (full) Run(context.Context, []tensor.Tensor) (*engine.Result, error) {
	return nil, scheduler.ErrQueueFull
}

func (full) Admits(context.Context) error { return scheduler.ErrQueueFull }

func (full) Close() error { return nil }

// TestAnImageIsRefusedBeforeItsTurnToBeDecoded takes all slots for decoding: a request
// that would be refused afterwards does not wait for one.
func TestAnImageIsRefusedBeforeItsTurnToBeDecoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
		version := filepath.Join(dir, "m", "1")
		if err := cmp.Or(os.MkdirAll(version, 0o700), os.WriteFile(filepath.Join(version, "model.onnx"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		models := repository.New(dir, enginetest.Registry(full{}), RepositoryOptions{Compile: Compile, Logger: log})
		if err := cmp.Or(models.Scan(), models.Load(t.Context())); err != nil {
			t.Fatal(err)
		}
		defer models.Close()
		r := NewRunner(models, Options{})
		for range runtime.GOMAXPROCS(0) {
			if _, err := r.slots.Acquire(t.Context(), imageinput.Work{}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := r.Run(ctx, &Request{Image: &imageinput.Source{Image: tinyPNG(t)}, Form: Scores, TopK: 1, Started: time.Now()})
		if !errors.Is(err, scheduler.ErrQueueFull) {
			t.Errorf("error %v", err)
		}
	})
}

func tinyPNG(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
