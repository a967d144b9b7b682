package infertest

import (
	"bytes"
	"context"
	"slices"
	"sync/atomic"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// Model is a model without an engine. Its outputs are its inputs in their order, or what
// Compute returns.
type Model struct {
	Inputs, Outputs []engine.TensorSpec
	Compute         func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error)
	// Config, the labels and the files are what the repository would have read.
	Config       *inference.ModelConfig
	Labels       []string
	OutputLabels map[string][]string
	ImageFiles   []vision.ConfigFile
	// Versions are those of the model. Empty: 1.
	Versions []string
	// Instances bounds the calls that run at once. 0: 16.
	Instances int
	// Batching joins requests. nil: no batching.
	Batching *scheduler.Batching
	// MaxQueue bounds the requests that wait. 0: the scheduler's default.
	MaxQueue int
	// Cache is the response cache. nil: none.
	Cache *respcache.Cache
	// Closed, where it is set, is called when the model is closed.
	Closed func()
}

// Signature implements engine.Session.
func (m *Model) Signature() *engine.Signature {
	return &engine.Signature{Inputs: m.Inputs, Outputs: m.Outputs}
}

// Close implements engine.Session.
func (m *Model) Close() error {
	if m.Closed != nil {
		m.Closed()
	}
	return nil
}

// Run implements engine.Session.
func (m *Model) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.Compute != nil {
		return m.Compute(ctx, inputs)
	}
	return &engine.Result{Outputs: inputs[:len(m.Outputs)]}, nil
}

// Echo returns a model that gives back an input x of the datatype and shape as y.
func Echo(d tensor.DataType, shape ...int64) *Model {
	return &Model{
		Inputs:  []engine.TensorSpec{{Name: "x", DataType: d, Shape: shape}},
		Outputs: []engine.TensorSpec{{Name: "y", DataType: d, Shape: shape}},
	}
}

// Two returns a model that gives back its inputs a, FP32, and b, INT64, as c and d.
func Two() *Model {
	return &Model{
		Inputs:  []engine.TensorSpec{{Name: "a", DataType: tensor.FP32, Shape: tensor.Shape{-1}}, {Name: "b", DataType: tensor.Int64, Shape: tensor.Shape{-1}}},
		Outputs: []engine.TensorSpec{{Name: "c", DataType: tensor.FP32, Shape: tensor.Shape{-1}}, {Name: "d", DataType: tensor.Int64, Shape: tensor.Shape{-1}}},
	}
}

// Pictures returns a model of pictures of 2 x 2 pixels, whose outputs are constant.
func Pictures(labels ...string) *Model {
	scores, shape := tensor.AsBytes([]float32{1, 3, 2}), tensor.Shape{1, 3}
	return &Model{
		Inputs:  []engine.TensorSpec{{Name: "picture", DataType: tensor.FP32, Shape: tensor.Shape{1, 3, 2, 2}}},
		Outputs: []engine.TensorSpec{{Name: "scores", DataType: tensor.FP32, Shape: shape}, {Name: "features", DataType: tensor.FP32, Shape: shape}},
		Labels:  labels,
		Compute: func(context.Context, []tensor.Tensor) (*engine.Result, error) {
			return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: shape, Data: bytes.Clone(scores)}, {DataType: tensor.FP32, Shape: shape, Data: scores}}}, nil
		},
	}
}

// Constantly returns a Compute with these outputs, each time in memory of its own.
func Constantly(outputs ...tensor.Tensor) func(context.Context, []tensor.Tensor) (*engine.Result, error) {
	return func(context.Context, []tensor.Tensor) (*engine.Result, error) {
		copied := slices.Clone(outputs)
		for i := range copied {
			copied[i].Data = slices.Clone(copied[i].Data)
		}
		return &engine.Result{Outputs: copied}, nil
	}
}

// Held returns a model with one instance that answers its first call when release is
// closed, and the others at once. Each call sends to began.
func Held() (m *Model, began, release chan struct{}) {
	m = Echo(tensor.FP32, -1, 2)
	m.Instances, m.Config = 1, &inference.ModelConfig{InstanceGroup: []*inference.ModelInstanceGroup{{Count: 1}}}
	began, release = make(chan struct{}, 100), make(chan struct{})
	m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		began <- struct{}{}
		<-release
		return &engine.Result{Outputs: inputs}, nil
	}
	return m, began, release
}

// Reusing returns a model that echoes vectors in memory that is overwritten when it is
// released, and the number of results that were released.
func Reusing() (*Model, *atomic.Int64) {
	m, freed := Echo(tensor.FP32, -1), new(atomic.Int64)
	m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		out := inputs[0]
		out.Data = slices.Clone(out.Data)
		return &engine.Result{Outputs: []tensor.Tensor{out}, Free: func() {
			for i := range out.Data {
				out.Data[i] = 0xdb
			}
			freed.Add(1)
		}}, nil
	}
	return m, freed
}
