package onnx

import "github.com/tensorwire/tensorwire/internal/engine"

// shapeOperands has the operators of ONNX whose output's shape follows from the values of
// operands, with the index of the first of these operands. All later ones are treated as
// such, too. Source: the operator documentation (onnx.ai/onnx/operators).
var shapeOperands = map[string]int{
	"AffineGrid": 1, "BlackmanWindow": 0, "CenterCropPad": 1, "Col2Im": 1, "Compress": 1, "ConstantOfShape": 0, "DFT": 1, "Expand": 1,
	"HammingWindow": 0, "HannWindow": 0, "ImageDecoder": 0, "MaxUnpool": 2, "MelWeightMatrix": 0, "NonMaxSuppression": 0, "NonZero": 0,
	"OneHot": 1, "Pad": 1, "Range": 0, "ReduceL1": 1, "ReduceL2": 1, "ReduceLogSum": 1, "ReduceLogSumExp": 1, "ReduceMax": 1, "ReduceMean": 1,
	"ReduceMin": 1, "ReduceProd": 1, "ReduceSum": 1, "ReduceSumSquare": 1, "Reshape": 1, "Resize": 1, "STFT": 1, "Slice": 1, "Split": 1,
	"Squeeze": 1, "StringNormalizer": 0, "StringSplit": 0, "Tile": 1, "TopK": 1, "Unique": 0, "Unsqueeze": 1, "Upsample": 1,
}

// unknownSizes has the operators of ONNX whose output's shape follows from a graph inside
// them, or from sequences.
var unknownSizes = map[string]bool{
	"If": true, "Loop": true, "Scan": true, "SequenceMap": true, "SequenceAt": true, "SequenceConstruct": true, "SequenceEmpty": true,
	"SequenceErase": true, "SequenceInsert": true, "SequenceLength": true, "SplitToSequence": true, "ConcatFromSequence": true,
	"Optional": true, "OptionalGetElement": true, "OptionalHasElement": true,
}

// influence says what the inputs of a model determine of a value.
type influence struct {
	sizes engine.Sizes
	// values reports that its elements may depend on elements of the inputs, and not only
	// on their shapes.
	values bool
}

// sizeTracer follows values of a graph back to the model's inputs. Each value is traced
// once.
type sizeTracer struct {
	graph  *graph
	traced map[string]influence
}

func newSizeTracer(g *graph, inputs []engine.TensorSpec) *sizeTracer {
	t := &sizeTracer{graph: g, traced: map[string]influence{"": {sizes: engine.SizesFromShapes}}}
	for name := range g.initializers {
		t.traced[name] = influence{sizes: engine.SizesFromShapes}
	}
	for i := range inputs {
		t.traced[inputs[i].Name] = influence{sizes: engine.SizesFromShapes, values: true}
	}
	return t
}

// frame is a value that is being traced, and the input of its node to look at next.
type frame struct {
	name string
	next int
}

// of returns what determines a value. It has its own stack, because graphs may be deep.
func (t *sizeTracer) of(name string) influence {
	for stack := []frame{{name: name}}; len(stack) > 0; {
		top := &stack[len(stack)-1]
		n, found := t.graph.producers[top.name]
		_, done := t.traced[top.name]
		switch {
		case done:
			stack = stack[:len(stack)-1]
		case !found || len(stack) > len(t.graph.producers): // no such value, or a cycle
			t.traced[top.name] = influence{values: true}
		case top.next == len(n.inputs):
			t.traced[top.name] = t.output(n)
		default:
			top.next++
			stack = append(stack, frame{name: n.inputs[top.next-1]})
		}
	}
	return t.traced[name]
}

// output returns what determines the outputs of a node whose inputs were traced.
func (t *sizeTracer) output(n node) influence {
	out := influence{sizes: engine.SizesFromShapes}
	standard := n.domain == "" || n.domain == "ai.onnx" || n.domain == "ai.onnx.ml"
	if !standard || unknownSizes[n.op] {
		out = influence{values: true}
	}
	first, shaped := shapeOperands[n.op]
	for i, name := range n.inputs {
		in := t.traced[name]
		if in.sizes == engine.SizesFromValues || (standard && shaped && i >= first && in.values) {
			out.sizes = engine.SizesFromValues
		}
		if in.sizes == engine.SizesUnknown && out.sizes == engine.SizesFromShapes {
			out.sizes = engine.SizesUnknown
		}
		out.values = out.values || in.values
	}
	if standard && (n.op == "Shape" || n.op == "Size") {
		out.values = out.sizes != engine.SizesFromShapes
	}
	return out
}
