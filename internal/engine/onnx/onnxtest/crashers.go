package onnxtest

import (
	"math"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Crasher is a model that ends the process of some version of ONNX Runtime, or occupies
// it without an end. None is valid, or its input is not: a server must reply to each with
// an error or a result, and must reply to other requests meanwhile.
type Crasher struct {
	Name  string
	Model []byte
	// Inputs are for one run, in the order of the model's inputs. They fit its signature.
	// There are none for a model that no version can load.
	Inputs []tensor.Tensor
	// AtLoad reports that the load crashes, or does not end. Otherwise the run does.
	AtLoad bool
	// Endless reports a run or a load that takes minutes to hours instead of crashing.
	Endless bool
}

// Crashers returns the known crashing models, each with a name of its own.
func Crashers() []Crasher {
	return slices.Concat(emptyDimensions(), integerOverflows(), []Crasher{wrongWeights(), hugeRank(), endlessLoop()})
}

// emptyDimensions has operators that divide by the size of a dimension, or that read the
// first element of an empty tensor.
func emptyDimensions() []Crasher {
	const hidden, size = 2, 3
	recurrent := func(op string, gates int64) Crasher {
		return onEmpty(op+" without a batch", Graph{
			Nodes: []Node{{
				Op: op, Inputs: []string{"x", "w", "r"}, Outputs: []string{"y"},
				Ints: map[string]int64{"hidden_size": hidden},
			}},
			Initializers: []Initializer{zeros("w", 1, gates*hidden, size), zeros("r", 1, gates*hidden, hidden)},
		}, 1, 0, size)
	}
	instance := onEmpty("InstanceNormalization without a width", Graph{
		Nodes:        []Node{{Op: "InstanceNormalization", Inputs: []string{"x", "w", "b"}, Outputs: []string{"y"}}},
		Initializers: []Initializer{zeros("w", 2), zeros("b", 2)},
	}, 1, 2, 1, 0)
	lp := onEmpty("LpNormalization of nothing", Graph{
		Nodes: []Node{{Op: "LpNormalization", Inputs: []string{"x"}, Outputs: []string{"y"}}},
	}, 0, 0)
	dft := onEmpty("DFT of nothing", Graph{
		Opset: 17,
		Nodes: []Node{{Op: "DFT", Inputs: []string{"x"}, Outputs: []string{"y"}, Ints: map[string]int64{"axis": 1}}},
	}, 1, 0, 1)
	top := onEmpty("TopK without rows", Graph{
		Nodes:        []Node{{Op: "TopK", Inputs: []string{"x", "k"}, Outputs: []string{"y", "i"}}},
		Initializers: []Initializer{int64s("k", 1, 1)},
	}, 0, 1)
	return []Crasher{recurrent("LSTM", 4), recurrent("GRU", 3), instance, lp, dft, top}
}

// onEmpty completes g with an input "x" of dynamic dimensions and an output "y" of unknown
// rank, and runs it on an empty tensor of this shape.
func onEmpty(name string, g Graph, shape ...int64) Crasher {
	dims := make([]any, len(shape))
	for axis, d := range shape {
		if dims[axis] = ""; d > 0 {
			dims[axis] = int(d)
		}
	}
	g.Inputs = []Value{{Name: "x", Elem: Float32, Dims: dims}}
	g.Outputs = []Value{{Name: "y", Elem: Float32, Unranked: true}}
	return Crasher{Name: name, Model: g.Encode(), Inputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: shape}}}
}

// integerOverflows has operators that compute the lowest integer divided by -1, or its
// absolute value.
func integerOverflows() []Crasher {
	min32, min64 := tensor.AsBytes([]int32{math.MinInt32}), tensor.AsBytes([]int64{math.MinInt64})
	minus32, minus64 := tensor.AsBytes([]int32{-1}), tensor.AsBytes([]int64{-1})
	trilu := Graph{
		Nodes:   []Node{{Op: "Trilu", Inputs: []string{"x", "k"}, Outputs: []string{"y"}}},
		Inputs:  []Value{{Name: "x", Elem: Float32, Dims: []any{"n", "n"}}, {Name: "k", Elem: Int64}},
		Outputs: []Value{{Name: "y", Elem: Float32, Dims: []any{"n", "n"}}},
	}
	return []Crasher{
		binary("Div of MIN by -1, INT32", "Div", Int32, tensor.Int32, min32, minus32),
		binary("Div of MIN by -1, INT64", "Div", Int64, tensor.Int64, min64, minus64),
		binary("Mod of MIN by -1, INT32", "Mod", Int32, tensor.Int32, min32, minus32),
		binary("Mod of MIN by -1, INT64", "Mod", Int64, tensor.Int64, min64, minus64),
		{
			Name: "Trilu with k of -2^63", Model: trilu.Encode(),
			Inputs: []tensor.Tensor{
				{DataType: tensor.FP32, Shape: tensor.Shape{2, 2}, Data: tensor.AsBytes([]float32{1, 2, 3, 4})},
				{DataType: tensor.Int64, Shape: tensor.Shape{}, Data: min64},
			},
		},
	}
}

// binary runs an operator with two inputs of one element each.
func binary(name, op string, elem int, d tensor.DataType, a, b []byte) Crasher {
	value := func(name string) Value { return Value{Name: name, Elem: elem, Dims: []any{"n"}} }
	g := Graph{
		Nodes:   []Node{{Op: op, Inputs: []string{"a", "b"}, Outputs: []string{"y"}}},
		Inputs:  []Value{value("a"), value("b")},
		Outputs: []Value{value("y")},
	}
	return Crasher{Name: name, Model: g.Encode(), Inputs: []tensor.Tensor{
		{DataType: d, Shape: tensor.Shape{1}, Data: a}, {DataType: d, Shape: tensor.Shape{1}, Data: b},
	}}
}

// wrongWeights has a Conv whose weights have one dimension more than its input.
func wrongWeights() Crasher {
	g := Graph{
		Nodes:        []Node{{Op: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Inputs:       []Value{{Name: "x", Elem: Float32, Dims: []any{"n", "c", "h", "w"}}},
		Outputs:      []Value{{Name: "y", Elem: Float32, Unranked: true}},
		Initializers: []Initializer{zeros("w", 8, 8, 1, 1, 1)},
	}
	return Crasher{
		Name: "Conv with weights of the wrong rank", Model: g.Encode(), AtLoad: true,
		Inputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1, 8, 1, 1}, Data: make([]byte, 32)}},
	}
}

// hugeRank declares an output with as many dimensions as its input has elements, all of
// which the runtime notes when it loads the model: tens of gigabytes. Run it only with a
// limit of memory.
func hugeRank() Crasher {
	g := Graph{
		Nodes:   []Node{{Op: "ConstantOfShape", Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []Value{{Name: "x", Elem: Int64, Dims: []any{math.MaxInt32}}},
		Outputs: []Value{{Name: "y", Elem: Float32, Unranked: true}},
	}
	return Crasher{Name: "ConstantOfShape of 2^31-1 dimensions", Model: g.Encode(), AtLoad: true, Endless: true}
}

// endlessLoop counts to a million million.
func endlessLoop() Crasher {
	return Crasher{
		Name: "Loop of 10^12 iterations", Model: Loop().Encode(), Endless: true,
		Inputs: []tensor.Tensor{{DataType: tensor.Int64, Shape: tensor.Shape{1}, Data: tensor.AsBytes([]int64{1_000_000_000_000})}},
	}
}

// Loop returns a graph with a loop whose number of iterations is the only input, INT64 of
// shape [1]. The output is that number.
func Loop() Graph {
	body := Graph{
		Nodes: []Node{
			{Op: "Identity", Inputs: []string{"go"}, Outputs: []string{"goes"}},
			{Op: "Add", Inputs: []string{"sum", "one"}, Outputs: []string{"total"}},
		},
		Inputs:       []Value{{Name: "i", Elem: Int64}, {Name: "go", Elem: Bool}, {Name: "sum", Elem: Int64, Dims: []any{1}}},
		Outputs:      []Value{{Name: "goes", Elem: Bool}, {Name: "total", Elem: Int64, Dims: []any{1}}},
		Initializers: []Initializer{int64s("one", 1, 1)},
	}
	return Graph{
		Nodes: []Node{{
			Op: "Loop", Inputs: []string{"x", "", "zero"}, Outputs: []string{"y"},
			Graphs: map[string]Graph{"body": body},
		}},
		Inputs:       []Value{{Name: "x", Elem: Int64, Dims: []any{1}}},
		Outputs:      []Value{{Name: "y", Elem: Int64, Dims: []any{1}}},
		Initializers: []Initializer{int64s("zero", 1, 0)},
	}
}

// zeros returns a weight of zeros.
func zeros(name string, dims ...int64) Initializer {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return Initializer{Name: name, Dims: dims, Data: make([]float32, n)}
}

// int64s returns n equal integers.
func int64s(name string, n int, value int64) Initializer {
	return Initializer{Name: name, Elem: Int64, Dims: []int64{int64(n)}, Raw: tensor.AsBytes(slices.Repeat([]int64{value}, n))}
}
