package scheduler_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// rowModel is a model of one input and one output, FP32 of two dimensions, from rows to
// rows.
type rowModel struct {
	width   int64 // of the input; tensor.Dynamic for any
	names   [2]string
	sizes   engine.Sizes
	compute func(rows [][]float32) [][]float32
	most    int // rows of a call that succeeds; 0: any
	calls   int
}

func (m *rowModel) Signature() *engine.Signature {
	in := engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, m.width}, DimNames: []string{m.names[0], ""}}
	out := engine.TensorSpec{Name: "y", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, tensor.Dynamic}, DimNames: []string{m.names[1], ""}, Sizes: m.sizes}
	return &engine.Signature{Inputs: []engine.TensorSpec{in}, Outputs: []engine.TensorSpec{out}}
}

func (m *rowModel) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.calls++
	values, _ := tensor.View[float32](inputs[0].Data)
	rows := slices.Collect(slices.Chunk(slices.Clone(values), int(inputs[0].Shape[1])))
	if m.most > 0 && len(rows) > m.most {
		return nil, errors.New("too many rows")
	}
	out, width := m.compute(rows), 0
	if out == nil {
		return nil, errors.New("does not fit")
	}
	for _, row := range out {
		width = len(row)
	}
	shape := tensor.Shape{int64(len(out)), int64(width)}
	return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: shape, Data: tensor.AsBytes(slices.Concat(out...))}}}, nil
}

func (m *rowModel) Close() error { return nil }

func same(rows [][]float32) [][]float32 { return rows }

func backwards(rows [][]float32) [][]float32 {
	slices.Reverse(rows)
	return rows
}

// twoOrNone gives two rows for a row of positive numbers, and none for others: the sum of a
// batch of both is right.
func twoOrNone(rows [][]float32) [][]float32 {
	out := [][]float32{}
	for _, row := range rows {
		if row[0] > 0 {
			out = append(out, row, row)
		}
	}
	return out
}

// scaled divides by the largest value of the batch, as dynamic quantization does.
func scaled(rows [][]float32) [][]float32 {
	largest := float32(1)
	for _, row := range rows {
		largest = max(largest, slices.Max(row))
	}
	for _, row := range rows {
		for i := range row {
			row[i] /= largest
		}
	}
	return rows
}

// transposed has the batch as its second dimension.
func transposed(rows [][]float32) [][]float32 {
	out := make([][]float32, len(rows[0]))
	for i := range out {
		for _, row := range rows {
			out[i] = append(out[i], row[i])
		}
	}
	return out
}

func TestCheckBatching(t *testing.T) {
	batch := [2]string{"batch", "batch"}
	for name, test := range map[string]struct {
		model rowModel
		want  string // of the error; empty: batches are proven
	}{
		"rows":                                {rowModel{width: 3, compute: same}, ""},
		"rows of any width":                   {rowModel{width: tensor.Dynamic, compute: same}, ""},
		"fails on small images":               {rowModel{width: tensor.Dynamic, compute: wider(32)}, ""},
		"two rows or none":                    {rowModel{width: 3, compute: twoOrNone}, "the first dimension of an output is not the batch"},
		"two rows or none, with a name":       {rowModel{width: 3, compute: twoOrNone, names: batch, sizes: engine.SizesFromShapes}, "the first dimension of an output is not the batch"},
		"sizes from values":                   {rowModel{width: 3, compute: same, names: batch, sizes: engine.SizesFromValues}, `the size of output "y" depends on values`},
		"another order":                       {rowModel{width: 3, compute: backwards}, `a row of a batch differs from the same row alone: output "y"`},
		"another name":                        {rowModel{width: 3, compute: backwards, names: [2]string{"batch", "boxes"}, sizes: engine.SizesFromShapes}, "a row of a batch differs"},
		"scaled by others":                    {rowModel{width: 3, compute: scaled}, "a row of a batch differs"},
		"scaled by others, with a name":       {rowModel{width: 3, compute: scaled, names: batch, sizes: engine.SizesFromShapes}, ""},
		"scaled by others, with unknown ones": {rowModel{width: 3, compute: scaled, names: batch}, "a row of a batch differs"},
		"transposed":                          {rowModel{width: tensor.Dynamic, compute: transposed, names: batch, sizes: engine.SizesFromShapes}, "the first dimension"},
		"one row for all":                     {rowModel{width: 3, compute: func(r [][]float32) [][]float32 { return r[:1] }}, "the first dimension"},
		"fails":                               {rowModel{width: 3, compute: func([][]float32) [][]float32 { return nil }}, "fewer than two different synthetic rows were computed\ndoes not fit"},
		"fails, with a name":                  {rowModel{width: 3, compute: func([][]float32) [][]float32 { return nil }, names: batch, sizes: engine.SizesFromShapes}, ""},
		"fails on batches":                    {rowModel{width: 3, compute: same, most: 1}, "a batch of 4 synthetic rows fails: too many rows"},
		"too large to try":                    {rowModel{width: 1 << 40, compute: same}, "fewer than two different synthetic rows"},
	} {
		t.Run(name, func(t *testing.T) {
			err := scheduler.CheckBatching(t.Context(), &test.model, 4)
			if (err != nil) != (test.want != "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if test.model.calls > 16 {
				t.Errorf("%d calls", test.model.calls)
			}
		})
	}
}

// wider computes rows above a width, as a convolution does.
func wider(minimum int) func([][]float32) [][]float32 {
	return func(rows [][]float32) [][]float32 {
		if len(rows[0]) < minimum {
			return nil
		}
		return rows
	}
}

// A model of integers, strings and booleans is run with values of these.
func TestCheckBatchingOfOtherDatatypes(t *testing.T) {
	m := &identities{types: []tensor.DataType{tensor.Int64, tensor.Bytes, tensor.Bool, tensor.FP16, tensor.Uint8}}
	if err := scheduler.CheckBatching(t.Context(), m, 8); err != nil {
		t.Error(err)
	}
	if m.zero {
		t.Error("an integer is 0, by which a model may divide")
	}
}

// identities returns its inputs, of several datatypes.
type identities struct {
	types []tensor.DataType
	zero  bool
}

func (m *identities) Signature() *engine.Signature {
	var specs []engine.TensorSpec
	for _, d := range m.types {
		specs = append(specs, engine.TensorSpec{Name: d.String(), DataType: d, Shape: tensor.Shape{tensor.Dynamic, tensor.Dynamic}, DimNames: []string{"", ""}})
	}
	return &engine.Signature{Inputs: specs, Outputs: specs}
}

func (m *identities) Run(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := m.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	integers, _ := tensor.View[int64](inputs[0].Data)
	m.zero = m.zero || slices.Contains(integers, 0) || slices.Contains(inputs[4].Data, 0)
	result := &engine.Result{Outputs: slices.Clone(inputs)}
	for i := range inputs {
		result.Outputs[i].Data = slices.Clone(inputs[i].Data)
	}
	return result, nil
}

func (m *identities) Close() error { return nil }
