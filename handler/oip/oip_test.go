package oip_test

import (
	"context"
	"slices"
	"testing"
	"unsafe"

	"connectrpc.com/connect/v2"
	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// typed returns an input x with typed contents.
func typed(datatype string, contents *inference.InferTensorContents, shape ...int64) *inference.ModelInferRequest_InferInputTensor {
	in := handlertest.Input("x", datatype, shape...)
	in.Contents = contents
	return in
}

func TestEveryDatatypeIsCarriedRawAndTyped(t *testing.T) {
	for datatype, test := range map[tensor.DataType]struct {
		raw   []byte
		typed *inference.InferTensorContents
	}{
		tensor.Bool:   {[]byte{1, 0}, &inference.InferTensorContents{BoolContents: []bool{true, false}}},
		tensor.Int8:   {tensor.AsBytes([]int8{-128, 127}), &inference.InferTensorContents{IntContents: []int32{-128, 127}}},
		tensor.Int16:  {tensor.AsBytes([]int16{-32768, 32767}), &inference.InferTensorContents{IntContents: []int32{-32768, 32767}}},
		tensor.Int32:  {tensor.AsBytes([]int32{-1, 1 << 30}), &inference.InferTensorContents{IntContents: []int32{-1, 1 << 30}}},
		tensor.Int64:  {tensor.AsBytes([]int64{-1, 1 << 62}), &inference.InferTensorContents{Int64Contents: []int64{-1, 1 << 62}}},
		tensor.Uint8:  {[]byte{0, 255}, &inference.InferTensorContents{UintContents: []uint32{0, 255}}},
		tensor.Uint16: {tensor.AsBytes([]uint16{0, 65535}), &inference.InferTensorContents{UintContents: []uint32{0, 65535}}},
		tensor.Uint32: {tensor.AsBytes([]uint32{0, 1<<32 - 1}), &inference.InferTensorContents{UintContents: []uint32{0, 1<<32 - 1}}},
		tensor.Uint64: {tensor.AsBytes([]uint64{0, 1<<64 - 1}), &inference.InferTensorContents{Uint64Contents: []uint64{0, 1<<64 - 1}}},
		tensor.FP16:   {[]byte{1, 2, 3, 4}, nil},
		tensor.BF16:   {[]byte{1, 2, 3, 4}, nil},
		tensor.FP32:   {tensor.AsBytes([]float32{1.5, -2}), &inference.InferTensorContents{Fp32Contents: []float32{1.5, -2}}},
		tensor.FP64:   {tensor.AsBytes([]float64{1.5, -2}), &inference.InferTensorContents{Fp64Contents: []float64{1.5, -2}}},
		tensor.Bytes:  {handlertest.Elements("a\x00\xff", ""), &inference.InferTensorContents{BytesContents: [][]byte{[]byte("a\x00\xff"), {}}}},
	} {
		t.Run(datatype.String(), func(t *testing.T) {
			client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": infertest.Echo(datatype, -1, 2)}, handlertest.Options{})
			requests := []*inference.ModelInferRequest{{
				Inputs:           []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", datatype.String(), 1, 2)},
				RawInputContents: [][]byte{test.raw},
			}}
			if test.typed != nil {
				requests = append(requests, &inference.ModelInferRequest{Inputs: []*inference.ModelInferRequest_InferInputTensor{typed(datatype.String(), test.typed, 1, 2)}})
			}
			for _, req := range requests {
				req.ModelName, req.Id = "m", "an id"
				res, err := client.ModelInfer(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				out := res.GetOutputs()[0]
				if res.GetModelName() != "m" || res.GetModelVersion() != "1" || res.GetId() != "an id" || out.GetName() != "y" || out.GetDatatype() != datatype.String() || !slices.Equal(out.GetShape(), []int64{1, 2}) {
					t.Errorf("%v", res)
				}
				if len(res.GetRawOutputContents()) != 1 || string(res.GetRawOutputContents()[0]) != string(test.raw) || out.GetContents() != nil {
					t.Errorf("output %v %q, want %q", out, res.GetRawOutputContents(), test.raw)
				}
			}
		})
	}
}

// TestTensorsWithoutElementsAndScalars tests the smallest shapes.
func TestTensorsWithoutElementsAndScalars(t *testing.T) {
	open := infertest.Echo(tensor.FP32)
	open.Inputs[0].Shape, open.Outputs[0].Shape = nil, nil // of any rank
	client := handlertest.OIPClient(t, map[string]*infertest.Model{
		"scalar": infertest.Echo(tensor.Int64), "empty": infertest.Echo(tensor.FP32, -1, 3), "strings": infertest.Echo(tensor.Bytes, -1), "open": open,
	}, handlertest.Options{})
	for name, req := range map[string]*inference.ModelInferRequest{
		"a raw scalar":              {ModelName: "scalar", Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", "INT64")}, RawInputContents: [][]byte{make([]byte, 8)}},
		"a typed scalar":            {ModelName: "scalar", Inputs: []*inference.ModelInferRequest_InferInputTensor{typed("INT64", &inference.InferTensorContents{Int64Contents: []int64{0}})}},
		"empty raw":                 {ModelName: "empty", Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", "FP32", 0, 3)}, RawInputContents: [][]byte{nil}},
		"empty without contents":    {ModelName: "empty", Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", "FP32", 0, 3)}},
		"empty contents":            {ModelName: "empty", Inputs: []*inference.ModelInferRequest_InferInputTensor{typed("FP32", &inference.InferTensorContents{}, 0, 3)}},
		"no strings":                {ModelName: "strings", Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", "BYTES", 0)}, RawInputContents: [][]byte{{}}},
		"any rank":                  {ModelName: "open", Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", "FP32", 1, 1, 1, 1, 2)}, RawInputContents: [][]byte{make([]byte, 8)}},
		"raw with an empty message": {ModelName: "open", Inputs: []*inference.ModelInferRequest_InferInputTensor{typed("FP32", &inference.InferTensorContents{}, 1)}, RawInputContents: [][]byte{make([]byte, 4)}},
	} {
		res, err := client.ModelInfer(t.Context(), req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if out := res.GetOutputs()[0]; !slices.Equal(out.GetShape(), req.GetInputs()[0].GetShape()) || len(res.GetRawOutputContents()) != 1 {
			t.Errorf("%s: %v", name, res)
		}
	}
}

func TestInputsComeInAnyOrderAndOutputsAsAsked(t *testing.T) {
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": infertest.Two()}, handlertest.Options{})
	for _, want := range [][]string{nil, {"c"}, {"d"}, {"d", "c"}, {"c", "d"}} {
		res, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{
			ModelName: "m", Outputs: handlertest.RequestedOutputs(want...),
			Inputs:           []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("b", "INT64", 1), handlertest.Input("a", "FP32", 2)},
			RawInputContents: [][]byte{tensor.AsBytes([]int64{7}), tensor.AsBytes([]float32{1, 2})},
		})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = []string{"c", "d"}
		}
		for i, name := range want {
			raw := map[string][]byte{"c": tensor.AsBytes([]float32{1, 2}), "d": tensor.AsBytes([]int64{7})}[name]
			if len(res.GetOutputs()) != len(want) || res.GetOutputs()[i].GetName() != name || string(res.GetRawOutputContents()[i]) != string(raw) {
				t.Errorf("asked for %q: %v", want, res)
			}
		}
	}
}

// TestRawContentsAreNotCopied compares the memory on both sides of the model.
func TestRawContentsAreNotCopied(t *testing.T) {
	model := infertest.Echo(tensor.FP32, -1)
	var in, out []byte
	model.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		in, out = inputs[0].Data, make([]byte, len(inputs[0].Data))
		return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: inputs[0].Shape, Data: out}}}, nil
	}
	service, _ := handlertest.OIP(t, map[string]*infertest.Model{"m": model}, handlertest.Options{})
	for _, raw := range []bool{true, false} {
		values := []float32{1, 2, 3, 4}
		req := &inference.ModelInferRequest{ModelName: "m", Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", "FP32", 4)}}
		if raw {
			req.RawInputContents = [][]byte{tensor.AsBytes(values)}
		} else {
			req.Inputs[0].Contents = &inference.InferTensorContents{Fp32Contents: values}
		}
		res, err := service.ModelInfer(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if unsafe.SliceData(in) != unsafe.SliceData(tensor.AsBytes(values)) {
			t.Errorf("raw %v: the model's input is a copy", raw)
		}
		if unsafe.SliceData(res.GetRawOutputContents()[0]) != unsafe.SliceData(out) {
			t.Errorf("raw %v: the answer is a copy of the model's output", raw)
		}
	}
}

func TestOutputsThatAreNoTensorsAreLeftOut(t *testing.T) {
	m := infertest.Two()
	m.Outputs[1] = engine.TensorSpec{Name: "maps"}
	m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		return &engine.Result{Outputs: []tensor.Tensor{inputs[0], {}}}, nil
	}
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	req := &inference.ModelInferRequest{
		ModelName:        "m",
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("a", "FP32", 1), handlertest.Input("b", "INT64", 1)},
		RawInputContents: [][]byte{make([]byte, 4), make([]byte, 8)},
	}
	res, err := client.ModelInfer(t.Context(), req)
	if err != nil || len(res.GetOutputs()) != 1 || res.GetOutputs()[0].GetName() != "c" {
		t.Errorf("%v, %v", res, err)
	}
	meta, err := client.ModelMetadata(t.Context(), &inference.ModelMetadataRequest{Name: "m"})
	if err != nil || len(meta.GetOutputs()) != 1 {
		t.Errorf("%v, %v", meta, err)
	}
	req.Outputs = handlertest.RequestedOutputs("maps")
	_, err = client.ModelInfer(t.Context(), req)
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `output "maps"`, `"c"`)
}
