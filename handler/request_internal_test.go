package handler

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
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

// TestAnImageIsRefusedBeforeItsTurnToBeDecoded keeps all places for images to be decoded
// taken: who would be refused afterwards does not wait for one.
func TestAnImageIsRefusedBeforeItsTurnToBeDecoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
		version := filepath.Join(dir, "m", "1")
		if err := cmp.Or(os.MkdirAll(version, 0o700), os.WriteFile(filepath.Join(version, "model.onnx"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		models := repository.New(dir, enginetest.Registry(full{}), repository.Options{Compile: Compile, Logger: log})
		if err := cmp.Or(models.Scan(), models.Load(t.Context())); err != nil {
			t.Fatal(err)
		}
		defer models.Close()
		p := NewPredictor(models, PredictorOptions{Logger: log})
		for range cap(p.decodes) {
			p.decodes <- struct{}{}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := p.FastPredict(ctx, &modelserving.FastInferenceRequest{RawImage: []byte("\x89PNG\r\n\x1a\n")})
		if connect.CodeOf(err) != connect.CodeUnavailable {
			t.Errorf("error %v", err)
		}
	})
}
