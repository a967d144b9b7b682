package chaos_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// operator is an operator for random models.
type operator struct {
	op string
	// inputs and outputs have one word each, with commas between them: T is the model's type, others are fixed. A
	// number after the type is the rank; without one it is random.
	inputs, outputs string
	// types are the types of T.
	types string
	// ints are attributes, whose values are random. opset: see onnxtest.Graph.
	ints  string
	opset int
}

// elements has the ONNX types and the datatypes of the protocol of a word.
var elements = map[string]struct {
	elem     int
	datatype tensor.DataType
}{
	"f32": {onnxtest.Float32, tensor.FP32}, "f64": {onnxtest.Float64, tensor.FP64},
	"i32": {onnxtest.Int32, tensor.Int32}, "i64": {onnxtest.Int64, tensor.Int64},
	"u8": {onnxtest.Uint8, tensor.Uint8}, "i8": {onnxtest.Int8, tensor.Int8},
	"bool": {onnxtest.Bool, tensor.Bool},
}

// operators are those that index, divide, iterate or compute sizes, where native code can
// fail, and some plain ones.
var operators = []operator{
	{op: "Add", inputs: "T,T", outputs: "T", types: "f32 i32 i64"},
	{op: "Div", inputs: "T,T", outputs: "T", types: "f32 i32 i64 u8 i8"},
	{op: "Mod", inputs: "T,T", outputs: "T", types: "i32 i64 u8 i8"},
	{op: "Pow", inputs: "T,T", outputs: "T", types: "f32 i32 i64"},
	{op: "MatMul", inputs: "T,T", outputs: "T", types: "f32 i32 i64"},
	{op: "Gemm", inputs: "T2,T2", outputs: "T", types: "f32", ints: "transA transB"},
	{op: "BitShift", inputs: "T,T", outputs: "T", types: "u8"},
	{op: "Abs", inputs: "T", outputs: "T", types: "f32 i32 i64 i8"},
	{op: "Neg", inputs: "T", outputs: "T", types: "f32 i32 i64 i8"},
	{op: "Softmax", inputs: "T", outputs: "T", types: "f32 f64", ints: "axis"},
	{op: "LogSoftmax", inputs: "T", outputs: "T", types: "f32", ints: "axis"},
	{op: "Hardmax", inputs: "T", outputs: "T", types: "f32", ints: "axis"},
	{op: "LpNormalization", inputs: "T", outputs: "T", types: "f32 f64", ints: "axis"},
	{op: "LayerNormalization", inputs: "T,T1,T1", outputs: "T", types: "f32", ints: "axis", opset: 17},
	{op: "InstanceNormalization", inputs: "T,T1,T1", outputs: "T", types: "f32"},
	{op: "BatchNormalization", inputs: "T4,T1,T1,T1,T1", outputs: "T", types: "f32"},
	{op: "LRN", inputs: "T4", outputs: "T", types: "f32", ints: "size"},
	{op: "ReduceSum", inputs: "T,i641", outputs: "T", types: "f32 i32 i64", ints: "keepdims"},
	{op: "ReduceMean", inputs: "T", outputs: "T", types: "f32 i32", ints: "keepdims"},
	{op: "ReduceMax", inputs: "T", outputs: "T", types: "f32 i64 u8"},
	{op: "ReduceProd", inputs: "T", outputs: "T", types: "f32 i64"},
	{op: "ReduceLogSumExp", inputs: "T", outputs: "T", types: "f32 f64"},
	{op: "ArgMax", inputs: "T", outputs: "i64", types: "f32 i32 u8", ints: "axis keepdims select_last_index"},
	{op: "TopK", inputs: "T,i641", outputs: "T,i64", types: "f32 i64", ints: "axis largest sorted"},
	{op: "CumSum", inputs: "T,i64", outputs: "T", types: "f32 i64", ints: "exclusive reverse"},
	{op: "Trilu", inputs: "T,i640", outputs: "T", types: "f32 i64 bool", ints: "upper"},
	{op: "EyeLike", inputs: "T2", outputs: "f32", types: "f32 i64", ints: "k"},
	{op: "OneHot", inputs: "i64,i640,T1", outputs: "T", types: "f32 i64", ints: "axis"},
	{op: "Gather", inputs: "T,i64", outputs: "T", types: "f32 i64 u8", ints: "axis"},
	{op: "GatherElements", inputs: "T,i64", outputs: "T", types: "f32 i64", ints: "axis"},
	{op: "GatherND", inputs: "T,i64", outputs: "T", types: "f32 i32", ints: "batch_dims"},
	{op: "ScatterElements", inputs: "T,i64,T", outputs: "T", types: "f32 i64", ints: "axis"},
	{op: "ScatterND", inputs: "T,i64,T", outputs: "T", types: "f32 i64"},
	{op: "Slice", inputs: "T,i641,i641,i641,i641", outputs: "T", types: "f32 i64 u8"},
	{op: "Reshape", inputs: "T,i641", outputs: "T", types: "f32 i64", ints: "allowzero"},
	{op: "Expand", inputs: "T,i641", outputs: "T", types: "f32 i64"},
	{op: "Tile", inputs: "T,i641", outputs: "T", types: "f32 i64 u8"},
	{op: "Pad", inputs: "T,i641", outputs: "T", types: "f32 i64"},
	{op: "Squeeze", inputs: "T,i641", outputs: "T", types: "f32"},
	{op: "Unsqueeze", inputs: "T,i641", outputs: "T", types: "f32"},
	{op: "Flatten", inputs: "T", outputs: "T", types: "f32", ints: "axis"},
	{op: "Transpose", inputs: "T", outputs: "T", types: "f32 u8"},
	{op: "Concat", inputs: "T,T", outputs: "T", types: "f32 i64", ints: "axis"},
	{op: "Split", inputs: "T,i641", outputs: "T,T", types: "f32", ints: "axis"},
	{op: "Compress", inputs: "T,bool1", outputs: "T", types: "f32 i64", ints: "axis"},
	{op: "NonZero", inputs: "T", outputs: "i64", types: "f32 i64 bool"},
	{op: "Unique", inputs: "T", outputs: "T,i64,i64,i64", types: "f32 i64", ints: "axis sorted"},
	{op: "Where", inputs: "bool,T,T", outputs: "T", types: "f32 i64"},
	{op: "Range", inputs: "T0,T0,T0", outputs: "T", types: "f32 i32 i64"},
	{op: "ConstantOfShape", inputs: "i641", outputs: "f32"},
	{op: "Shape", inputs: "T", outputs: "i64", types: "f32", ints: "start end"},
	{op: "ReverseSequence", inputs: "T,i641", outputs: "T", types: "f32", ints: "batch_axis time_axis"},
	{op: "NonMaxSuppression", inputs: "f323,f323,i641,f321,f321", outputs: "i64"},
	{op: "Resize", inputs: "T4,f321,f321", outputs: "T", types: "f32 u8"},
	{op: "MaxPool", inputs: "T4", outputs: "T", types: "f32 u8", ints: "ceil_mode kernel_shape*2 strides*2 dilations*2"},
	{op: "AveragePool", inputs: "T4", outputs: "T", types: "f32", ints: "ceil_mode kernel_shape*2 strides*2"},
	{op: "GlobalAveragePool", inputs: "T4", outputs: "T", types: "f32"},
	{op: "MaxRoiPool", inputs: "T4,T2", outputs: "T", types: "f32", ints: "pooled_shape*2"},
	{op: "RoiAlign", inputs: "T4,T2,i641", outputs: "T", types: "f32", ints: "output_height output_width sampling_ratio"},
	{op: "Conv", inputs: "T4,T4", outputs: "T", types: "f32", ints: "group strides*2 dilations*2"},
	{op: "ConvTranspose", inputs: "T4,T4", outputs: "T", types: "f32", ints: "group strides*2"},
	{op: "DepthToSpace", inputs: "T4", outputs: "T", types: "f32", ints: "blocksize"},
	{op: "SpaceToDepth", inputs: "T4", outputs: "T", types: "f32", ints: "blocksize"},
	{op: "LSTM", inputs: "T3,T3,T3", outputs: "T", types: "f32", ints: "hidden_size"},
	{op: "GRU", inputs: "T3,T3,T3", outputs: "T", types: "f32", ints: "hidden_size"},
	{op: "RNN", inputs: "T3,T3,T3", outputs: "T", types: "f32", ints: "hidden_size"},
	{op: "DFT", inputs: "T3,i640", outputs: "T", types: "f32 f64", ints: "axis inverse onesided", opset: 17},
	{op: "STFT", inputs: "T3,i640,T1,i640", outputs: "T", types: "f32", ints: "onesided", opset: 17},
	{op: "HannWindow", inputs: "i640", outputs: "f32", opset: 17},
	{op: "MelWeightMatrix", inputs: "i640,i640,i640,f320,f320", outputs: "f32", opset: 17},
	{op: "Det", inputs: "T", outputs: "T", types: "f32"},
	{op: "GridSample", inputs: "T4,T4", outputs: "T", types: "f32", ints: "align_corners", opset: 16},
	{op: "QuantizeLinear", inputs: "f32,f32,u8", outputs: "u8", ints: "axis"},
	{op: "DequantizeLinear", inputs: "u8,f32,u8", outputs: "f32", ints: "axis"},
}

// operand is an input of a random model.
type operand struct {
	name     string
	datatype tensor.DataType
	rank     int
}

// variant is a random model of one operator.
type variant struct {
	name   string
	graph  onnxtest.Graph
	inputs []operand
}

// variant returns a random model of the operator.
func (o operator) variant(r *rand.Rand, name string) variant {
	types := strings.Fields(o.types)
	t := "f32"
	if len(types) > 0 {
		t = types[r.IntN(len(types))]
	}
	common := r.IntN(5)
	v := variant{name: name, graph: onnxtest.Graph{Opset: o.opset}}
	node := onnxtest.Node{Op: o.op, Ints: map[string]int64{}, IntLists: map[string][]int64{}}
	for i, word := range strings.Split(o.inputs, ",") {
		in := operand{name: "x" + strconv.Itoa(i), rank: common}
		kind, rank := o.kind(word, t)
		if rank >= 0 {
			in.rank = rank
		} else if r.IntN(4) == 0 {
			in.rank = r.IntN(5)
		}
		in.datatype = elements[kind].datatype
		dims := make([]any, in.rank)
		for axis := range dims {
			dims[axis] = ""
		}
		v.graph.Inputs = append(v.graph.Inputs, onnxtest.Value{Name: in.name, Elem: elements[kind].elem, Dims: dims})
		node.Inputs = append(node.Inputs, in.name)
		v.inputs = append(v.inputs, in)
	}
	for i, word := range strings.Split(o.outputs, ",") {
		kind, _ := o.kind(word, t)
		out := "y" + strconv.Itoa(i)
		v.graph.Outputs = append(v.graph.Outputs, onnxtest.Value{Name: out, Elem: elements[kind].elem, Unranked: true})
		node.Outputs = append(node.Outputs, out)
	}
	for word := range strings.FieldsSeq(o.ints) {
		attribute, many, list := strings.Cut(word, "*")
		n, _ := strconv.Atoi(many)
		for range n {
			node.IntLists[attribute] = append(node.IntLists[attribute], attributeValue(r))
		}
		if !list {
			node.Ints[attribute] = attributeValue(r)
		}
	}
	v.graph.Nodes = []onnxtest.Node{node}
	return v
}

// kind returns the type and the rank of a word, -1 for a random rank.
func (o operator) kind(word, t string) (kind string, rank int) {
	if rest, ok := strings.CutPrefix(word, "T"); ok {
		word = t + rest
	}
	if _, ok := elements[word]; ok {
		return word, -1
	}
	return word[:len(word)-1], int(word[len(word)-1] - '0')
}

// attributeValue returns the value of an attribute: mostly one that is valid.
func attributeValue(r *rand.Rand) int64 {
	if r.IntN(20) == 0 {
		return extreme[r.IntN(len(extreme))]
	}
	return r.Int64N(4)
}

// extreme are integers at the limits of types, and large sizes.
var extreme = []int64{0, -1, 1 << 20, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64, 1 << 40}

// maxElements bounds the size of a random input.
const maxElements = 1 << 14

// ask returns a valid random input: it fits the model's signature.
func (v variant) ask(r *rand.Rand) request {
	q := request{model: v.name}
	common := []int64{size(r), size(r), size(r), size(r)}
	for _, in := range v.inputs {
		shape, n := make([]int64, in.rank), int64(1)
		for axis := range shape {
			if shape[axis] = common[axis]; r.IntN(4) == 0 {
				shape[axis] = size(r)
			}
			if n*shape[axis] > maxElements {
				shape[axis] = 1
			}
			n *= shape[axis]
		}
		q.inputs = append(q.inputs, randomValue(r, in, shape))
	}
	return q
}

// size returns the size of a dimension.
func size(r *rand.Rand) int64 {
	sizes := []int64{0, 1, 1, 1, 2, 2, 3, 4, 5, 8, 17, 64}
	return sizes[r.IntN(len(sizes))]
}

// randomValue returns random elements: extreme ones in one of four inputs.
func randomValue(r *rand.Rand, in operand, shape []int64) value {
	wild := r.IntN(4) == 0
	number := func(int) int64 {
		if wild && r.IntN(2) == 0 {
			return extreme[r.IntN(len(extreme))]
		}
		return r.Int64N(6) - 1
	}
	float := func(i int) float64 {
		if wild && r.IntN(2) == 0 {
			extremes := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32, 1e-45, math.Copysign(0, -1), 1e18}
			return extremes[r.IntN(len(extremes))]
		}
		return float64(number(i))
	}
	name, datatype := in.name, in.datatype.String()
	switch in.datatype {
	case tensor.FP32:
		return numbers(name, datatype, shape, func(i int) float32 { return float32(float(i)) })
	case tensor.FP64:
		return numbers(name, datatype, shape, float)
	case tensor.Int32:
		return numbers(name, datatype, shape, func(i int) int32 { return int32(number(i)) })
	case tensor.Int64:
		return numbers(name, datatype, shape, number)
	case tensor.Int8:
		return numbers(name, datatype, shape, func(i int) int8 { return int8(number(i)) })
	case tensor.Bool:
		return numbers(name, datatype, shape, func(int) uint8 { return uint8(r.IntN(2)) })
	default:
		return numbers(name, datatype, shape, func(i int) uint8 { return uint8(number(i)) })
	}
}
