package scheduler_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// scaled2 multiplies x, FP32 [rows, 2], by the optional scale, FP32 [any]. It records the
// rows and the scale of each call.
type scaled2 struct {
	hold  time.Duration
	mu    sync.Mutex
	calls []string
}

func (m *scaled2) Signature() *engine.Signature {
	x := engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, 2}, DimNames: []string{"batch", ""}, Sizes: engine.SizesFromShapes}
	scale := engine.TensorSpec{Name: "scale", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic}, DimNames: []string{""}, Optional: true}
	return &engine.Signature{Inputs: []engine.TensorSpec{scale, x}, Outputs: []engine.TensorSpec{x}}
}

func (m *scaled2) Run(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := m.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	scale := []float32{1}
	if !engine.IsAbsent(inputs[0]) {
		scale, _ = tensor.View[float32](inputs[0].Data)
	}
	m.mu.Lock()
	m.calls = append(m.calls, fmt.Sprint(inputs[1].Shape[0], scale))
	m.mu.Unlock()
	time.Sleep(m.hold)
	values, _ := tensor.View[float32](slices.Clone(inputs[1].Data))
	for i := range values {
		values[i] *= scale[0]
	}
	return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: inputs[1].Shape, Data: tensor.AsBytes(values)}}, Timings: engine.Timings{Compute: 1}}, nil
}

func (m *scaled2) Close() error { return nil }

// Requests that give an optional input are not joined, also where its first dimension has
// the size of the batch. Those without it are.
func TestRequestsWithOptionalInputsRunAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &scaled2{hold: time.Second}
		s := scheduler.New(inner, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 8}})
		var group sync.WaitGroup
		for _, scale := range []float32{0, 0, 5, 5, 7, 0} {
			group.Go(func() {
				inputs := []tensor.Tensor{{}, enginetest.Input(1, 2)}
				want := float32(1)
				if scale != 0 {
					inputs[0], want = tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1}, Data: tensor.AsBytes([]float32{scale})}, scale
				}
				result, err := s.Run(t.Context(), inputs)
				if err != nil {
					t.Error(err)
				} else if got, _ := tensor.View[float32](result.Outputs[0].Data); !slices.Equal(got, []float32{want, 2 * want}) {
					t.Errorf("scale %v: %v", scale, got)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		slices.Sort(inner.calls)
		if want := []string{"1 [1]", "1 [5]", "1 [5]", "1 [7]", "2 [1]"}; !slices.Equal(inner.calls, want) {
			t.Errorf("calls %q, want %q", inner.calls, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Batches are proven without the optional inputs.
func TestBatchesOfModelsWithOptionalInputs(t *testing.T) {
	if err := scheduler.CheckBatching(t.Context(), &scaled2{}, 4); err != nil {
		t.Error(err)
	}
}

// namedModel is a model of one input and one output, FP32 of two dimensions with these names.
type namedModel struct {
	rowModel
	in, out []string
}

func (m *namedModel) Signature() *engine.Signature {
	s := m.rowModel.Signature()
	s.Inputs[0].DimNames, s.Outputs[0].DimNames = m.in, m.out
	return s
}

// Names neither prove nor disprove a batch where they are placeholders, or where the batch
// shares them with another dimension.
func TestNamesOfBatches(t *testing.T) {
	broadcast := func(rows [][]float32) [][]float32 { // right for one column only
		if len(rows[0]) > 1 && len(rows[0]) != len(rows) {
			return nil
		}
		return rows
	}
	for name, c := range map[string]struct {
		in, out []string
		compute func([][]float32) [][]float32
		proven  bool
	}{
		"a name of its own":                        {[]string{"batch", "width"}, []string{"batch", "width"}, scaled, true},
		"placeholders, rows apart":                 {[]string{"dynamic", "dynamic"}, []string{"dynamic", "dynamic"}, same, true},
		"placeholders, rows scaled":                {[]string{"dynamic", "dynamic"}, []string{"dynamic", "dynamic"}, scaled, false},
		"one placeholder, rows apart":              {[]string{"?", ""}, []string{"?", ""}, same, true},
		"one placeholder, rows scaled":             {[]string{"?", ""}, []string{"?", ""}, scaled, false},
		"another placeholder, fails":               {[]string{"None", ""}, []string{"None", ""}, wider(1000), false},
		"shared with a dimension, rows apart":      {[]string{"N", "N"}, []string{"N", "N"}, same, true},
		"shared with a dimension, images":          {[]string{"?", "?"}, []string{"?", "?"}, wider(32), true},
		"shared with a dimension, square":          {[]string{"N", "N"}, []string{"N", "N"}, broadcast, false},
		"shared with an output, rows apart":        {[]string{"N", ""}, []string{"N", "N"}, same, true},
		"shared with an output, rows scaled":       {[]string{"N", ""}, []string{"N", "N"}, scaled, false},
		"shared with an output, each row with all": {[]string{"N", ""}, []string{"N", "N"}, pairs, false},
	} {
		m := &namedModel{rowModel: rowModel{width: tensor.Dynamic, compute: c.compute, sizes: engine.SizesFromShapes}, in: c.in, out: c.out}
		if err := scheduler.CheckBatching(t.Context(), m, 4); (err == nil) != c.proven {
			t.Errorf("%s: error %v, want a proof: %v", name, err, c.proven)
		}
	}
}

// pairs gives each row a column for each row.
func pairs(rows [][]float32) [][]float32 {
	out := make([][]float32, len(rows))
	for i := range out {
		out[i] = slices.Repeat([]float32{rows[i][0]}, len(rows))
	}
	return out
}
