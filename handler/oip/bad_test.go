package oip_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// TestBadInferRequests checks that each error has its code and names what is wrong.
func TestBadInferRequests(t *testing.T) {
	batches := infertest.Echo(tensor.FP32, -1, 2)
	batches.Config = &inference.ModelConfig{MaxBatchSize: 4}
	pairs := infertest.Two()
	pairs.Config = &inference.ModelConfig{MaxBatchSize: 4}
	models := map[string]*infertest.Model{
		"floats": infertest.Echo(tensor.FP32, -1, 2), "halves": infertest.Echo(tensor.FP16, -1), "bytes": infertest.Echo(tensor.Bytes, -1), "bools": infertest.Echo(tensor.Bool, -1),
		"int8": infertest.Echo(tensor.Int8, -1), "int16": infertest.Echo(tensor.Int16, -1), "uint8": infertest.Echo(tensor.Uint8, -1), "uint16": infertest.Echo(tensor.Uint16, -1),
		"two": infertest.Two(), "batches": batches, "pairs": pairs,
	}
	client := handlertest.OIPClient(t, models, handlertest.Options{})
	type in = *inference.ModelInferRequest_InferInputTensor
	x := func(shape ...int64) in { return handlertest.Input("x", "FP32", shape...) }
	ints := func(values ...int32) *inference.InferTensorContents {
		return &inference.InferTensorContents{IntContents: values}
	}
	uints := func(values ...uint32) *inference.InferTensorContents {
		return &inference.InferTensorContents{UintContents: values}
	}
	floats := func(values ...float32) *inference.InferTensorContents {
		return &inference.InferTensorContents{Fp32Contents: values}
	}
	with := func(in in, p handlertest.Parameters) in {
		in.Parameters = p
		return in
	}
	invalid := connect.CodeInvalidArgument
	for name, test := range map[string]struct {
		model      string
		inputs     []in
		raw        [][]byte
		outputs    []string
		parameters handlertest.Parameters
		code       connect.Code
		says       []string
	}{
		"unknown model":             {"nobody", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, connect.CodeNotFound, []string{"Request for unknown model", `"nobody"`}},
		"unknown input":             {"floats", []in{handlertest.Input("z", "FP32", 1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "z"`, `"x"`}},
		"an input too many":         {"floats", []in{x(1, 2), handlertest.Input("z", "FP32", 1, 2)}, [][]byte{make([]byte, 8), make([]byte, 8)}, nil, nil, invalid, []string{`input "z"`}},
		"missing input":             {"two", []in{handlertest.Input("a", "FP32", 1)}, [][]byte{make([]byte, 4)}, nil, nil, invalid, []string{`input "b" is missing`}},
		"no inputs":                 {"floats", nil, nil, nil, nil, invalid, []string{`input "x" is missing`}},
		"twice":                     {"floats", []in{x(1, 2), x(1, 2)}, [][]byte{make([]byte, 8), make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "twice"}},
		"wrong datatype":            {"floats", []in{handlertest.Input("x", "INT64", 1, 2)}, [][]byte{make([]byte, 16)}, nil, nil, invalid, []string{`input "x"`, "INT64", "FP32"}},
		"unknown datatype":          {"floats", []in{handlertest.Input("x", "FP8", 1, 2)}, [][]byte{make([]byte, 2)}, nil, nil, invalid, []string{`input "x"`, `"FP8"`, "BF16"}},
		"no datatype":               {"floats", []in{handlertest.Input("x", "", 1, 2)}, [][]byte{make([]byte, 2)}, nil, nil, invalid, []string{`input "x"`}},
		"a datatype in lower case":  {"floats", []in{handlertest.Input("x", "fp32", 1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, `"fp32"`, "write FP32"}},
		"numpy's name":              {"floats", []in{handlertest.Input("x", "float32", 1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, `"float32"`, "write FP32"}},
		"numpy's name of a truth":   {"bools", []in{handlertest.Input("x", "bool", 1)}, [][]byte{make([]byte, 1)}, nil, nil, invalid, []string{`input "x"`, `"bool"`, "write BOOL"}},
		"blanks in the datatype":    {"floats", []in{handlertest.Input("x", " FP32", 1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, `" FP32"`, "use one of BOOL"}},
		"INVALID":                   {"floats", []in{handlertest.Input("x", "INVALID", 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`}},
		"wrong rank":                {"floats", []in{x(2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "[2]", "[-1, 2]"}},
		"wrong size":                {"floats", []in{x(1, 3)}, [][]byte{make([]byte, 12)}, nil, nil, invalid, []string{`input "x"`, "[1, 3]", "[-1, 2]"}},
		"negative size":             {"floats", []in{x(-1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "negative"}},
		"overflow":                  {"floats", []in{x(1<<62, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "overflows"}},
		"overflow that wraps":       {"floats", []in{x(6148914691236517207, 3)}, [][]byte{make([]byte, 20)}, nil, nil, invalid, []string{`input "x"`}},
		"overflow of bytes":         {"floats", []in{x(1<<61, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "overflows"}},
		"raw too short":             {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 7)}, nil, nil, invalid, []string{`input "x"`, "8 bytes", "found 7"}},
		"raw too long":              {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 9)}, nil, nil, invalid, []string{`input "x"`, "8 bytes", "found 9"}},
		"raw missing":               {"two", []in{handlertest.Input("a", "FP32", 1), handlertest.Input("b", "INT64", 1)}, [][]byte{make([]byte, 4)}, nil, nil, invalid, []string{"raw_input_contents has 1", "2 inputs", `"a", "b"`}},
		"raw too many":              {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8), {}}, nil, nil, invalid, []string{"raw_input_contents has 2", "1 inputs"}},
		"raw and typed":             {"floats", []in{typed("FP32", floats(1, 2), 1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "fp32_contents", "raw_input_contents"}},
		"neither raw nor typed":     {"floats", []in{x(1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "no elements", "fp32_contents"}},
		"typed too few":             {"floats", []in{typed("FP32", floats(1), 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "fp32_contents has 1 ", "takes 2"}},
		"typed too many":            {"floats", []in{typed("FP32", floats(1, 2, 3), 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "has 3 ", "takes 2"}},
		"wrong field":               {"floats", []in{typed("FP32", ints(1, 2), 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "int_contents", "fp32_contents"}},
		"two fields":                {"floats", []in{typed("FP32", &inference.InferTensorContents{Fp32Contents: []float32{1, 2}, IntContents: []int32{1}}, 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "int_contents", "fp32_contents"}},
		"typed FP16":                {"halves", []in{typed("FP16", floats(1), 1)}, nil, nil, nil, invalid, []string{`input "x"`, "FP16", "raw_input_contents"}},
		"FP16 without contents":     {"halves", []in{handlertest.Input("x", "FP16", 1)}, nil, nil, nil, invalid, []string{`input "x"`, "raw_input_contents"}},
		"INT8 too large":            {"int8", []in{typed("INT8", ints(0, 128), 2)}, nil, nil, nil, invalid, []string{`input "x"`, "element 1 is 128", "-128 to 127"}},
		"INT16 too small":           {"int16", []in{typed("INT16", ints(-32769), 1)}, nil, nil, nil, invalid, []string{`input "x"`, "-32769"}},
		"UINT8 too large":           {"uint8", []in{typed("UINT8", uints(256), 1)}, nil, nil, nil, invalid, []string{`input "x"`, "256", "0 to 255"}},
		"UINT16 too large":          {"uint16", []in{typed("UINT16", uints(65536), 1)}, nil, nil, nil, invalid, []string{`input "x"`, "65536"}},
		"BOOL of neither":           {"bools", []in{handlertest.Input("x", "BOOL", 2)}, [][]byte{{0, 2}}, nil, nil, invalid, []string{`input "x"`, "element 1", "2"}},
		"BYTES past the end":        {"bytes", []in{handlertest.Input("x", "BYTES", 2)}, [][]byte{append(handlertest.Elements("a"), 9, 0, 0, 0, 'b')}, nil, nil, invalid, []string{`input "x"`, "element 1", "9 bytes"}},
		"BYTES too few":             {"bytes", []in{handlertest.Input("x", "BYTES", 3)}, [][]byte{handlertest.Elements("a", "b")}, nil, nil, invalid, []string{`input "x"`, "found 2"}},
		"BYTES too many":            {"bytes", []in{handlertest.Input("x", "BYTES", 1)}, [][]byte{handlertest.Elements("a", "b")}, nil, nil, invalid, []string{`input "x"`, "more"}},
		"BYTES of a huge shape":     {"bytes", []in{handlertest.Input("x", "BYTES", 1<<62)}, [][]byte{handlertest.Elements("a")}, nil, nil, invalid, []string{`input "x"`}},
		"unknown output":            {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, []string{"z"}, nil, invalid, []string{`output "z"`, `"y"`}},
		"output twice":              {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, []string{"y", "y"}, nil, invalid, []string{`output "y"`, "twice"}},
		"batch too large":           {"batches", []in{x(5, 2)}, [][]byte{make([]byte, 40)}, nil, nil, invalid, []string{`input "x"`, "5", "4 at most"}},
		"batches that differ":       {"pairs", []in{handlertest.Input("a", "FP32", 1), handlertest.Input("b", "INT64", 2)}, [][]byte{make([]byte, 4), make([]byte, 16)}, nil, nil, invalid, []string{`input "b"`, `input "a"`}},
		"shared memory is off":      {"floats", []in{with(x(1, 2), handlertest.Parameters{"shared_memory_region": handlertest.String("r"), "shared_memory_byte_size": handlertest.Int64(8)})}, nil, nil, nil, connect.CodeUnimplemented, []string{`input "x"`, "(allow-shared-memory)"}},
		"region without size":       {"floats", []in{with(x(1, 2), handlertest.Parameters{"shared_memory_region": handlertest.String("r")})}, nil, nil, nil, invalid, []string{`input "x"`, "shared_memory_byte_size"}},
		"size without region":       {"floats", []in{with(x(1, 2), handlertest.Parameters{"shared_memory_byte_size": handlertest.Int64(8)})}, nil, nil, nil, invalid, []string{`input "x"`, "shared_memory_region"}},
		"priority of text":          {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, handlertest.Parameters{"priority": handlertest.String("high")}, invalid, []string{"priority", "high"}},
		"negative timeout":          {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, handlertest.Parameters{"timeout": handlertest.Int64(-1)}, invalid, []string{"timeout", "-1"}},
		"timeout that overflows":    {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, handlertest.Parameters{"timeout": handlertest.Int64(1<<63 - 1)}, invalid, []string{"timeout"}},
		"reserved parameter":        {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, handlertest.Parameters{"triton_magic": handlertest.Bool(true)}, invalid, []string{"triton_magic"}},
		"final response of no bool": {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, handlertest.Parameters{"triton_enable_empty_final_response": handlertest.Int64(1)}, invalid, []string{"triton_enable_empty_final_response"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{
				ModelName: test.model, Inputs: test.inputs, RawInputContents: test.raw, Outputs: handlertest.RequestedOutputs(test.outputs...), Parameters: test.parameters,
			})
			handlertest.WantError(t, err, test.code, test.says...)
		})
	}
	// What is quoted of a request stays short.
	_, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: "floats", Inputs: []in{handlertest.Input(strings.Repeat("é", 1<<20), "FP32", 1, 2)}, RawInputContents: [][]byte{make([]byte, 8)}})
	handlertest.WantError(t, err, invalid, `input "éé`)
	if len(err.Error()) > 5000 || !utf8.ValidString(err.Error()) {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
	for version, code := range map[string]connect.Code{"abc": invalid, "-1": invalid, "01": invalid, "1.0": invalid, "../1": invalid, "7": connect.CodeNotFound} {
		_, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: "floats", ModelVersion: version, Inputs: []in{x(1, 2)}, RawInputContents: [][]byte{make([]byte, 8)}})
		handlertest.WantError(t, err, code, version)
	}
}
