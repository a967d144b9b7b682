package reshape_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/engine/reshape"
)

// model returns its inputs as its outputs.
type model struct {
	inputs, outputs []engine.TensorSpec
	// returned, when not nil, is the shape of each output.
	returned tensor.Shape

	mu       sync.Mutex
	ran      [][]tensor.Tensor
	released int
	closed   bool
}

func (m *model) Signature() *engine.Signature {
	return &engine.Signature{Inputs: m.inputs, Outputs: m.outputs}
}

func (m *model) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, engine.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := m.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	m.ran = append(m.ran, inputs)
	result := &engine.Result{Timings: engine.Timings{Compute: 1}, Free: m.free}
	for _, in := range inputs {
		in.Data = slices.Clone(in.Data)
		in.Shape = slices.Clone(in.Shape)
		if m.returned != nil {
			in.Shape = m.returned
		}
		result.Outputs = append(result.Outputs, in)
	}
	return result, nil
}

func (m *model) free() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.released++
}

func (m *model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// workerModel is a model in a worker.
type workerModel struct {
	model
	screened []tensor.Tensor
}

func (m *workerModel) Failing() error        { return engine.ErrNoProcess }
func (m *workerModel) Worker() engine.Worker { return engine.Worker{PID: 7} }

func (m *workerModel) Screen(_ context.Context, inputs []tensor.Tensor) error {
	m.screened = inputs
	return engine.ErrCrashed
}

func (m *workerModel) RunGroup(ctx context.Context, requests [][]tensor.Tensor) ([]*engine.Result, error) {
	results := make([]*engine.Result, len(requests))
	for i, inputs := range requests {
		var err error
		if results[i], err = m.Run(ctx, inputs); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func specs(shape tensor.Shape, names ...string) []engine.TensorSpec {
	if names == nil {
		names = make([]string, len(shape))
	}
	return []engine.TensorSpec{{Name: "x", DataType: tensor.FP32, Shape: shape, DimNames: names}}
}

func change(t *testing.T, client, model tensor.Shape) map[string]reshape.Change {
	t.Helper()
	c, err := reshape.New(client, model)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]reshape.Change{"x": c}
}

func zeros(shape ...int64) tensor.Tensor {
	n, _ := tensor.Shape(shape).Elements()
	return tensor.Tensor{DataType: tensor.FP32, Shape: shape, Data: make([]byte, 4*n)}
}

func TestSessionBehavesAsAllSessions(t *testing.T) {
	enginetest.Test(t, func(t *testing.T) engine.Session {
		m := &model{inputs: specs(tensor.Shape{-1, 2, 1}), outputs: specs(tensor.Shape{-1, 2, 1})}
		changes := change(t, tensor.Shape{-1, 2}, tensor.Shape{-1, 2, 1})
		return reshape.Wrap(m, reshape.Changes{Inputs: changes, Outputs: changes})
	})
}

func TestShapesThatCorrespond(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		client, model       tensor.Shape
		given, seen         tensor.Shape
		names, clientsNames []string
	}{
		{client: tensor.Shape{3, 224, 224}, model: tensor.Shape{1, 3, 224, 224}, given: tensor.Shape{3, 224, 224}, seen: tensor.Shape{1, 3, 224, 224}},
		{client: tensor.Shape{1000}, model: tensor.Shape{1, 1000, 1, 1}, given: tensor.Shape{1000}, seen: tensor.Shape{1, 1000, 1, 1}},
		{client: tensor.Shape{1}, model: tensor.Shape{}, given: tensor.Shape{1}, seen: tensor.Shape{}},
		{client: tensor.Shape{}, model: tensor.Shape{1}, given: tensor.Shape{}, seen: tensor.Shape{1}},
		{
			client: tensor.Shape{2, 4, -1, 6}, model: tensor.Shape{8, -1, 1, 6}, given: tensor.Shape{2, 4, 5, 6}, seen: tensor.Shape{8, 5, 1, 6},
			names: []string{"", "w", "", ""}, clientsNames: []string{"", "", "w", ""},
		},
		{
			client: tensor.Shape{-1, 2, -1}, model: tensor.Shape{1, -1, 1, 2, -1}, given: tensor.Shape{7, 2, 0}, seen: tensor.Shape{1, 7, 1, 2, 0},
			names: []string{"", "h", "", "", "w"}, clientsNames: []string{"h", "", "w"},
		},
	} {
		changes := change(t, test.client, test.model)
		if test.names == nil {
			test.clientsNames = make([]string, len(test.client))
		}
		m := &model{inputs: specs(test.model, test.names...), outputs: specs(test.model, test.names...)}
		s := reshape.Wrap(m, reshape.Changes{Inputs: changes, Outputs: changes})
		for _, spec := range slices.Concat(s.Signature().Inputs, s.Signature().Outputs) {
			if !slices.Equal(spec.Shape, test.client) || !slices.Equal(spec.DimNames, test.clientsNames) {
				t.Errorf("%v as %v: the signature has %v %q", test.model, test.client, spec.Shape, spec.DimNames)
			}
		}
		in := zeros(test.given...)
		result, err := s.Run(t.Context(), []tensor.Tensor{in})
		if err != nil {
			t.Errorf("%v as %v: %v", test.model, test.client, err)
			continue
		}
		if got := m.ran[0][0].Shape; !slices.Equal(got, test.seen) {
			t.Errorf("%v as %v: the model sees %v", test.model, test.client, got)
		}
		if got := result.Outputs[0].Shape; !slices.Equal(got, test.given) || !slices.Equal(in.Shape, test.given) {
			t.Errorf("%v as %v: the client sees %v and gave %v", test.model, test.client, got, in.Shape)
		}
	}
}

func TestShapesThatDoNotCorrespond(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		client, model tensor.Shape
		want          string
	}{
		{tensor.Shape{3, 4}, tensor.Shape{11}, "[3, 4] has 12 elements, and [11] has 11"},
		{tensor.Shape{2}, tensor.Shape{}, "[2] has 2 elements, and [] has 1"},
		{tensor.Shape{-1}, tensor.Shape{4}, "[-1] has 1 dynamic dimensions, and [4] has 0"},
		{tensor.Shape{-1, -1}, tensor.Shape{-1}, "[-1, -1] has 2 dynamic dimensions, and [-1] has 1"},
		{tensor.Shape{2, -1, 6}, tensor.Shape{6, -1, 2}, "different numbers of elements before, between or after"},
		{tensor.Shape{0, 3}, tensor.Shape{0}, "[0, 3] has 0: use sizes from 1"},
		{tensor.Shape{4}, tensor.Shape{2, -2}, "[2, -2] has -2: use sizes from 1"},
		{tensor.Shape{1 << 40, 1 << 40}, tensor.Shape{1}, "overflows"},
		{tensor.Shape{1}, tensor.Shape{1 << 40, 1 << 40}, "overflows"},
	} {
		if _, err := reshape.New(test.client, test.model); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v as %v: %v, want %q", test.model, test.client, err, test.want)
		}
	}
}

func TestTheBatchIsInFrontOfBothShapes(t *testing.T) {
	t.Parallel()
	c, err := reshape.New(tensor.Shape{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	changes := map[string]reshape.Change{"x": c.WithBatch()}
	m := &model{inputs: specs(tensor.Shape{-1}, "batch"), outputs: specs(tensor.Shape{-1}, "batch")}
	s := reshape.Wrap(m, reshape.Changes{Inputs: changes, Outputs: changes})
	if spec := s.Signature().Inputs[0]; !slices.Equal(spec.Shape, tensor.Shape{-1, 1}) || !slices.Equal(spec.DimNames, []string{"batch", ""}) {
		t.Errorf("the signature has %v %q", spec.Shape, spec.DimNames)
	}
	result, err := s.Run(t.Context(), []tensor.Tensor{zeros(5, 1)})
	if err != nil || !slices.Equal(m.ran[0][0].Shape, tensor.Shape{5}) || !slices.Equal(result.Outputs[0].Shape, tensor.Shape{5, 1}) {
		t.Errorf("%v, %v, %v", m.ran, result, err)
	}
}

func TestAnOutputThatDoesNotFitFailsItsRequest(t *testing.T) {
	t.Parallel()
	m := &workerModel{model: model{inputs: specs(tensor.Shape{2}), outputs: specs(tensor.Shape{-1, 1}), returned: tensor.Shape{1, 2}}}
	s := reshape.Wrap(m, reshape.Changes{Outputs: change(t, tensor.Shape{-1}, tensor.Shape{-1, 1})})
	_, err := s.Run(t.Context(), []tensor.Tensor{zeros(2)})
	if !errors.Is(err, engine.ErrRun) || !strings.Contains(err.Error(), `output "x" has shape [1, 2], but reshape in its configuration takes [-1, 1]`) {
		t.Errorf("a run gives %v", err)
	}
	results, err := s.(engine.GroupRunner).RunGroup(t.Context(), [][]tensor.Tensor{{zeros(2)}})
	if err != nil || len(results) != 1 || results[0] != nil {
		t.Errorf("a group gives %v, %v", results, err)
	}
	if m.released != 2 {
		t.Errorf("%d of 2 results were released", m.released)
	}
}

func TestAnAbsentOptionalInputStaysAbsent(t *testing.T) {
	t.Parallel()
	m := &optionalModel{}
	m.outputs = specs(tensor.Shape{})
	m.inputs = specs(tensor.Shape{1, 2})
	m.inputs[0].Optional = true
	s := reshape.Wrap(m, reshape.Changes{Inputs: change(t, tensor.Shape{2}, tensor.Shape{1, 2})})
	_, _ = s.Run(t.Context(), []tensor.Tensor{{}})
	if len(m.ran) == 1 && m.ran[0][0].Shape != nil {
		t.Errorf("the model got %v", m.ran[0][0])
	}
}

type optionalModel struct{ model }

func (m *optionalModel) Run(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	m.ran = append(m.ran, inputs)
	return &engine.Result{Outputs: make([]tensor.Tensor, 1)}, nil
}

// The scheduler and the repository find what a session can do by its optional interfaces.
func TestOptionalInterfacesAreThoseOfTheEngine(t *testing.T) {
	t.Parallel()
	changes := reshape.Changes{Inputs: change(t, tensor.Shape{2}, tensor.Shape{1, 2})}
	plain := reshape.Wrap(&model{inputs: specs(tensor.Shape{1, 2}), outputs: specs(tensor.Shape{1, 2})}, changes)
	if _, ok := plain.(engine.GroupRunner); ok {
		t.Error("a session is a GroupRunner although the engine's is not")
	}
	if _, ok := engine.WorkerOf(plain); ok {
		t.Error("a session has a worker although the engine's has not")
	}
	if err := engine.Failing(plain); err != nil {
		t.Error(err)
	}
	if err := plain.(engine.Screener).Screen(t.Context(), []tensor.Tensor{zeros(2)}); err != nil {
		t.Error(err)
	}

	m := &workerModel{model: model{inputs: specs(tensor.Shape{1, 2}), outputs: specs(tensor.Shape{1, 2})}}
	s := reshape.Wrap(m, changes)
	if worker, ok := engine.WorkerOf(s); !ok || worker.PID != 7 {
		t.Errorf("the worker is %v, %v", worker, ok)
	}
	if err := engine.Failing(s); !errors.Is(err, engine.ErrNoProcess) {
		t.Errorf("failing: %v", err)
	}
	if err := s.(engine.Screener).Screen(t.Context(), []tensor.Tensor{zeros(2)}); !errors.Is(err, engine.ErrCrashed) || !slices.Equal(m.screened[0].Shape, tensor.Shape{1, 2}) {
		t.Errorf("screened %v: %v", m.screened, err)
	}
	results, err := s.(engine.GroupRunner).RunGroup(t.Context(), [][]tensor.Tensor{{zeros(2)}, {zeros(2)}})
	if err != nil || len(results) != 2 || !slices.Equal(m.ran[1][0].Shape, tensor.Shape{1, 2}) {
		t.Errorf("a group gives %v, %v; ran %v", results, err, m.ran)
	}
	if _, err := s.(engine.GroupRunner).RunGroup(t.Context(), [][]tensor.Tensor{{zeros(1, 2)}}); !errors.Is(err, engine.ErrBadInput) {
		t.Errorf("the model's own shape in a group gives %v", err)
	}
	if unchanged := reshape.Wrap(m, reshape.Changes{}); unchanged != engine.Session(m) {
		t.Error("without changes there is a decorator")
	}
}
