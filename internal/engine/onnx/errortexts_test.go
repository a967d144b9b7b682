package onnx_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// failingOperators fail on most inputs, at load or in a run, and end no process.
const failingOperators = `ArgMax AveragePool BatchNormalization Cast Clip Compress Concat ConstantOfShape Conv ConvTranspose
	CumSum DepthToSpace Det Einsum Expand EyeLike Flatten Gather GatherElements GatherND Gemm GridSample GRU InstanceNormalization
	LayerNormalization LSTM MatMul MatMulInteger MaxPool NonMaxSuppression OneHot Pad PRelu QuantizeLinear Range ReduceSum Reshape
	Resize Scan ScatterElements ScatterND SequenceAt Slice SpaceToDepth Split Squeeze StringNormalizer TfIdfVectorizer Tile TopK
	Transpose Trilu Unique Unsqueeze Where NoSuchOperator`

// operatorErrors calls report with the errors of an operator of so many inputs of a type, at
// load and in runs with many shapes. The last input are integers: axes, shapes or indices.
func operatorErrors(t *testing.T, op string, elem, inputs int, report func(error)) {
	t.Helper()
	g := onnxtest.Graph{
		Opset: 17, Nodes: []onnxtest.Node{{Op: op, Outputs: []string{"y"}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: elem, Unranked: true}},
	}
	for i := range inputs {
		in := onnxtest.Value{Name: fmt.Sprint("x", i), Elem: elem, Unranked: true}
		if i > 0 && i == inputs-1 {
			in.Elem = onnxtest.Int64
		}
		g.Nodes[0].Inputs, g.Inputs = append(g.Nodes[0].Inputs, in.Name), append(g.Inputs, in)
	}
	s, err := tryLoad(t, g, engine.LoadOptions{})
	if err != nil {
		report(err)
		return
	}
	shapes := []tensor.Shape{{}, {0}, {1}, {3}, {2, 3}, {3, 0}, {1, 2, 3}, {2, 3, 4, 5}}
	for first := range shapes {
		var given []tensor.Tensor
		for i, in := range s.Signature().Inputs {
			given = append(given, small(in.DataType, shapes[(first+3*i)%len(shapes)]))
		}
		if _, err := s.Run(t.Context(), given); err != nil {
			report(err)
		}
	}
}

// small returns a tensor of small numbers, or of short strings.
func small(d tensor.DataType, shape tensor.Shape) tensor.Tensor {
	elements, _ := shape.Elements()
	t := tensor.Tensor{DataType: d, Shape: shape}
	for range elements {
		if d == tensor.Bytes {
			t.Data = tensor.AppendElement(t.Data, []byte("ab"))
			continue
		}
		t.Data = append(append(t.Data, 5), make([]byte, d.Size()-1)...)
	}
	return t
}

// Errors have no function, type or path of the runtime's source, and a reason is left.
func TestTextsOfErrors(t *testing.T) {
	texts := map[string]bool{}
	for op := range strings.FieldsSeq(failingOperators) {
		failed := false
		for _, elem := range []int{onnxtest.Float32, onnxtest.Int64, onnxtest.String, onnxtest.Bool} {
			for inputs := 1; inputs <= 4; inputs++ {
				operatorErrors(t, op, elem, inputs, func(err error) {
					failed = true
					texts[strings.ReplaceAll(err.Error(), op, "")] = true
					for _, code := range []string{"onnxruntime", ".cc", ".h:", "const ", "std::", "virtual ", "->Shape", "size()", "Shape()", "[with", "/tmp"} {
						if strings.Contains(err.Error(), code) {
							t.Errorf("%s: %q is in %v", op, code, err)
						}
					}
					if reason := err.Error(); strings.HasSuffix(reason, ":") || strings.HasSuffix(reason, "Status Message") {
						t.Errorf("%s: no reason is left in %q", op, reason)
					}
				})
			}
		}
		if !failed {
			t.Errorf("%s does not fail", op)
		}
	}
	if len(texts) < 300 {
		t.Errorf("only %d errors", len(texts))
	}
}

// A missing locale has the remedy beside the runtime's reason.
func TestMissingLocale(t *testing.T) {
	g := onnxtest.Unary("StringNormalizer", onnxtest.String, "n")
	g.Outputs[0].Dims = []any{"m"}
	g.Nodes[0].Texts = map[string]string{"case_change_action": "LOWER", "locale": "xx_YY.none"}
	_, err := tryLoad(t, g, engine.LoadOptions{})
	if err == nil {
		t.Fatal("the locale exists")
	}
	for _, want := range []string{"Exception during initialization: Failed to construct locale with name:xx_YY.none:", "install the locale xx_YY.none", `export the model with the locale "C"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	g.Nodes[0].Texts["locale"] = "C"
	check(t, run(t, load(t, g), small(tensor.Bytes, tensor.Shape{2}))[0], small(tensor.Bytes, tensor.Shape{2}))
}
