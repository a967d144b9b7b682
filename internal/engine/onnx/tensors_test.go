package onnx_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

var elementTypes = map[tensor.DataType]int{
	tensor.Bool: onnxtest.Bool, tensor.Uint8: onnxtest.Uint8, tensor.Uint16: onnxtest.Uint16, tensor.Uint32: onnxtest.Uint32, tensor.Uint64: onnxtest.Uint64,
	tensor.Int8: onnxtest.Int8, tensor.Int16: onnxtest.Int16, tensor.Int32: onnxtest.Int32, tensor.Int64: onnxtest.Int64,
	tensor.FP16: onnxtest.Float16, tensor.BF16: onnxtest.BFloat16, tensor.FP32: onnxtest.Float32, tensor.FP64: onnxtest.Float64, tensor.Bytes: onnxtest.String,
}

// sample returns a tensor of random bits, including NaNs, and strings with NUL bytes and
// invalid UTF-8.
func sample(d tensor.DataType, shape tensor.Shape) tensor.Tensor {
	n, _ := shape.Elements()
	random := rand.New(rand.NewPCG(1, uint64(d)))
	t := tensor.Tensor{DataType: d, Shape: shape}
	if d == tensor.Bytes {
		elements := []string{"", "plain", "a\x00b\x00", "\xff\xfe\x80", "\x00", "grüße 你好", strings.Repeat("long ", 20_000)}
		for i := range n {
			t.Data = tensor.AppendElement(t.Data, []byte(elements[i%int64(len(elements))]))
		}
		return t
	}
	t.Data = make([]byte, int(n)*d.Size())
	for i := range t.Data {
		t.Data[i] = byte(random.Uint32())
		if d == tensor.Bool {
			t.Data[i] &= 1
		}
	}
	return t
}

// Every datatype and kind of shape is transferred unchanged, in memory of Go and of the
// runtime.
func TestEveryTensorRoundTrips(t *testing.T) {
	for d, elem := range elementTypes {
		for _, c := range []struct {
			name    string
			in, out onnxtest.Value
			shapes  []tensor.Shape
		}{
			{"fixed", onnxtest.Value{Dims: []any{2, 4}}, onnxtest.Value{Dims: []any{2, 4}}, []tensor.Shape{{2, 4}}},
			{"scalar", onnxtest.Value{}, onnxtest.Value{}, []tensor.Shape{{}}},
			{"named", onnxtest.Value{Dims: []any{"n", 2, "m"}}, onnxtest.Value{Dims: []any{"n", 2, "m"}}, []tensor.Shape{{1, 2, 3}, {0, 2, 3}, {3, 2, 0}, {4, 2, 1}}},
			{"shape from the runtime", onnxtest.Value{Dims: []any{"n", ""}}, onnxtest.Value{Dims: []any{"", "k"}}, []tensor.Shape{{1, 3}, {0, 7}, {5, 2}}},
			{"unranked", onnxtest.Value{Unranked: true}, onnxtest.Value{Unranked: true}, []tensor.Shape{{}, {0}, {7}, {2, 0, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 3}}},
			{"no elements", onnxtest.Value{Dims: []any{0, 3}}, onnxtest.Value{Dims: []any{0, 3}}, []tensor.Shape{{0, 3}}},
		} {
			t.Run(fmt.Sprintf("%v/%s", d, c.name), func(t *testing.T) {
				g := onnxtest.Unary("Identity", elem)
				c.in.Name, c.in.Elem, c.out.Name, c.out.Elem = "x", elem, "y", elem
				g.Inputs[0], g.Outputs[0] = c.in, c.out
				s := load(t, g)
				for _, shape := range c.shapes {
					in := sample(d, shape)
					out := run(t, s, in)[0]
					check(t, out, in)
					if err := out.Validate(); err != nil || out.Shape == nil {
						t.Errorf("output of %v: %v", out.Shape, err)
					}
				}
			})
		}
	}
}

func TestEmptyStrings(t *testing.T) {
	s := load(t, onnxtest.Unary("Identity", onnxtest.String, "n"))
	in := tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{3}, Data: make([]byte, 3*4)}
	check(t, run(t, s, in)[0], in)
}

func TestMalformedStringsAreRejected(t *testing.T) {
	s := load(t, onnxtest.Unary("Identity", onnxtest.String, "n"))
	for name, data := range map[string][]byte{
		"nothing":          {},
		"half a length":    {1, 0},
		"length past end":  {2, 0, 0, 0, 'a'},
		"huge length":      {0xff, 0xff, 0xff, 0xff, 'a'},
		"one element more": {1, 0, 0, 0, 'a', 1, 0, 0, 0, 'b'},
		"trailing byte":    {1, 0, 0, 0, 'a', 'b'},
	} {
		in := tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{1}, Data: data}
		if _, err := s.Run(t.Context(), []tensor.Tensor{in}); !errors.Is(err, engine.ErrBadInput) || !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// A model may be a constant.
func TestModelWithoutInputs(t *testing.T) {
	strs := onnxtest.Initializer{Elem: onnxtest.String, Dims: []int64{2}, Strings: []string{"a", ""}}
	s := load(t, onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Constant", Outputs: []string{"c"}, Tensors: map[string]onnxtest.Initializer{"value": strs}},
			{Op: "Identity", Inputs: []string{"c"}, Outputs: []string{"y"}},
		},
		Outputs: []onnxtest.Value{
			{Name: "y", Elem: onnxtest.String, Dims: []any{2}},
			// A weight itself may be an output.
			{Name: "w", Elem: onnxtest.Float32, Dims: []any{1}},
		},
		Initializers: []onnxtest.Initializer{{Name: "w", Dims: []int64{1}, Data: []float32{7}}},
	})
	for range 2 {
		got := run(t, s)
		check(t, got[0], tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{2}, Data: []byte("\x01\x00\x00\x00a\x00\x00\x00\x00")})
		check(t, got[1], floats([]float32{7}, 1))
	}
	if _, err := s.Run(t.Context(), []tensor.Tensor{floats([]float32{1}, 1)}); !errors.Is(err, engine.ErrBadInput) {
		t.Errorf("an input too many: error %v", err)
	}
}

// Several inputs and outputs: one output is an input itself, one is a scalar, and the
// runtime determines the shape of one.
func TestSeveralInputsAndOutputs(t *testing.T) {
	s := load(t, onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Add", Inputs: []string{"a", "b"}, Outputs: []string{"sum"}},
			{Op: "ReduceSum", Inputs: []string{"sum"}, Outputs: []string{"total"}, Ints: map[string]int64{"keepdims": 0}},
			{Op: "NonZero", Inputs: []string{"a"}, Outputs: []string{"where"}},
			{Op: "Identity", Inputs: []string{"s"}, Outputs: []string{"t"}},
		},
		Inputs: []onnxtest.Value{
			{Name: "a", Elem: onnxtest.Float32, Dims: []any{"n"}},
			{Name: "s", Elem: onnxtest.String, Dims: []any{"k"}},
			{Name: "b", Elem: onnxtest.Float32, Dims: []any{"n"}},
		},
		Outputs: []onnxtest.Value{
			{Name: "where", Elem: onnxtest.Int64, Dims: []any{1, "found"}},
			{Name: "total", Elem: onnxtest.Float32},
			{Name: "t", Elem: onnxtest.String, Dims: []any{"k"}},
			{Name: "sum", Elem: onnxtest.Float32, Dims: []any{"n"}},
			{Name: "a", Elem: onnxtest.Float32, Dims: []any{"n"}},
		},
	})
	a, b := floats([]float32{0, 1, 2}, 3), floats([]float32{10, 20, 30}, 3)
	text := sample(tensor.Bytes, tensor.Shape{5})
	for range 3 {
		got := run(t, s, a, text, b)
		check(t, got[0], tensor.Tensor{DataType: tensor.Int64, Shape: tensor.Shape{1, 2}, Data: tensor.AsBytes([]int64{1, 2})})
		check(t, got[1], floats([]float32{63}))
		check(t, got[2], text)
		check(t, got[3], floats([]float32{10, 21, 32}, 3))
		check(t, got[4], a)
		got[4].Data[0] ^= 1 // the caller owns the output, which must not alias the input
		if a.Data[0] != 0 {
			t.Fatal("an output that is an input shares its memory")
		}
	}
	// Names are hints: the operator broadcasts.
	got := run(t, s, a, text, floats([]float32{1}, 1))
	check(t, got[3], floats([]float32{1, 2, 3}, 3))
	check(t, got[4], a)
}

// An output that is not a tensor is in the signature and has no data. A model without a
// tensor output, or with an input that is not a tensor, is an ErrUnsupported.
func TestNonTensorValues(t *testing.T) {
	sequence := onnxtest.Value{Name: "list", Elem: onnxtest.Float32, Dims: []any{"n", 2}, Sequence: true}
	g := onnxtest.Unary("Identity", onnxtest.Float32, "n", 2)
	g.Nodes = append(g.Nodes, onnxtest.Node{Op: "SequenceConstruct", Inputs: []string{"x", "x"}, Outputs: []string{"list"}})
	g.Outputs = []onnxtest.Value{sequence, g.Outputs[0]}
	s := load(t, g)
	in := floats([]float32{1, 2}, 1, 2)
	got := run(t, s, in)
	if d := s.Signature().Outputs[0].DataType; d != tensor.Invalid || got[0].DataType != tensor.Invalid || got[0].Data != nil {
		t.Errorf("the sequence is %v in the signature, and %+v", d, got[0])
	}
	check(t, got[1], in)

	onlySequence := g
	onlySequence.Outputs = g.Outputs[:1]
	fromSequence := onnxtest.Unary("Identity", onnxtest.Float32, "n", 2)
	fromSequence.Nodes = []onnxtest.Node{{Op: "SequenceLength", Inputs: []string{"list"}, Outputs: []string{"y"}}}
	fromSequence.Inputs, fromSequence.Outputs = []onnxtest.Value{sequence}, []onnxtest.Value{{Name: "y", Elem: onnxtest.Int64}}
	fromOptional := onnxtest.Unary("OptionalGetElement", onnxtest.Float32, "n", 2)
	fromOptional.Inputs[0].Optional = true
	for name, g := range map[string]onnxtest.Graph{
		"a sequence alone": onlySequence, "a sequence as input": fromSequence, "an optional as input": fromOptional,
		"complex numbers": onnxtest.Unary("Identity", onnxtest.Complex64, 2),
	} {
		if _, err := tryLoad(t, g, engine.LoadOptions{}); !errors.Is(err, engine.ErrUnsupported) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestUnrankedInputRejectsInvalidShapes(t *testing.T) {
	g := onnxtest.Unary("Identity", onnxtest.Float32)
	g.Inputs[0].Unranked, g.Outputs[0].Unranked = true, true
	s := load(t, g)
	for _, shape := range []tensor.Shape{{-1}, {1 << 62, 4}, {1 << 32, 1 << 32}, {0, 1 << 62, 1 << 62}, slices.Repeat(tensor.Shape{1}, 65)} {
		_, err := s.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: shape, Data: make([]byte, 4)}})
		if !errors.Is(err, engine.ErrBadInput) {
			t.Errorf("%v: error %v", shape, err)
		}
	}
	in := floats([]float32{5}, slices.Repeat([]int64{1}, 64)...)
	check(t, run(t, s, in)[0], in)
}

// An output may have more dimensions than any input.
func TestOutputOfTooHighRank(t *testing.T) {
	g := onnxtest.Unary("Reshape", onnxtest.Float32)
	g.Nodes[0].Inputs = []string{"x", "shape"}
	g.Inputs = append(g.Inputs, onnxtest.Value{Name: "shape", Elem: onnxtest.Int64, Dims: []any{"rank"}})
	g.Outputs[0].Unranked = true
	s := load(t, g)
	for rank := range 67 {
		shape := slices.Repeat(tensor.Shape{1}, rank)
		result, err := s.Run(t.Context(), []tensor.Tensor{floats([]float32{3}), {DataType: tensor.Int64, Shape: tensor.Shape{int64(rank)}, Data: tensor.AsBytes(shape)}})
		if rank <= 64 {
			if err != nil {
				t.Fatal(err)
			}
			check(t, result.Outputs[0], floats([]float32{3}, shape...))
		} else if err == nil {
			t.Errorf("rank %d is %v", rank, result.Outputs[0].Shape)
		}
	}
}

// Concurrent calls of one session share no state, wherever their outputs are allocated.
func TestConcurrentCalls(t *testing.T) {
	g := onnxtest.Unary("Identity", onnxtest.String, "n")
	g.Nodes = append(g.Nodes, onnxtest.Node{Op: "NonZero", Inputs: []string{"b"}, Outputs: []string{"where"}}, onnxtest.Node{Op: "Identity", Inputs: []string{"b"}, Outputs: []string{"c"}})
	g.Inputs = append(g.Inputs, onnxtest.Value{Name: "b", Elem: onnxtest.Int32, Dims: []any{"m"}})
	g.Outputs = append(g.Outputs, onnxtest.Value{Name: "where", Elem: onnxtest.Int64, Dims: []any{1, "k"}}, onnxtest.Value{Name: "c", Elem: onnxtest.Int32, Dims: []any{"m"}})
	s := load(t, g)
	var group sync.WaitGroup
	for caller := range int64(8) {
		group.Go(func() {
			text := sample(tensor.Bytes, tensor.Shape{caller})
			ones := slices.Repeat([]int32{1}, int(caller))
			numbers := tensor.Tensor{DataType: tensor.Int32, Shape: tensor.Shape{caller}, Data: tensor.AsBytes(ones)}
			for range 50 {
				result, err := s.Run(t.Context(), []tensor.Tensor{text, numbers})
				if err != nil {
					t.Error(err)
					return
				}
				check(t, result.Outputs[0], text)
				check(t, result.Outputs[2], numbers)
				if !slices.Equal(result.Outputs[1].Shape, tensor.Shape{1, caller}) {
					t.Errorf("%d ones: %v", caller, result.Outputs[1].Shape)
				}
			}
		})
	}
	group.Wait()
}
