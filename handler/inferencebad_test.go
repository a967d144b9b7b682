package handler_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// TestBadInferRequests holds each error to its code, and to naming what is wrong.
func TestBadInferRequests(t *testing.T) {
	batches := echo(tensor.FP32, -1, 2)
	batches.config = &inference.ModelConfig{MaxBatchSize: 4}
	pairs := two()
	pairs.config = &inference.ModelConfig{MaxBatchSize: 4}
	models := map[string]*fakeModel{
		"floats": echo(tensor.FP32, -1, 2), "halves": echo(tensor.FP16, -1), "bytes": echo(tensor.Bytes, -1), "bools": echo(tensor.Bool, -1),
		"int8": echo(tensor.Int8, -1), "int16": echo(tensor.Int16, -1), "uint8": echo(tensor.Uint8, -1), "uint16": echo(tensor.Uint16, -1),
		"two": two(), "batches": batches, "pairs": pairs,
	}
	client := serveInference(t, models, handler.InferenceOptions{})
	type in = *inference.ModelInferRequest_InferInputTensor
	x := func(shape ...int64) in { return input("x", "FP32", shape...) }
	ints := func(values ...int32) *inference.InferTensorContents {
		return &inference.InferTensorContents{IntContents: values}
	}
	uints := func(values ...uint32) *inference.InferTensorContents {
		return &inference.InferTensorContents{UintContents: values}
	}
	floats := func(values ...float32) *inference.InferTensorContents {
		return &inference.InferTensorContents{Fp32Contents: values}
	}
	with := func(in in, p parameters) in {
		in.Parameters = p
		return in
	}
	invalid := connect.CodeInvalidArgument
	for name, test := range map[string]struct {
		model      string
		inputs     []in
		raw        [][]byte
		outputs    []string
		parameters parameters
		code       connect.Code
		says       []string
	}{
		"unknown model":             {"nobody", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, connect.CodeNotFound, []string{"Request for unknown model", `"nobody"`}},
		"unknown input":             {"floats", []in{input("z", "FP32", 1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "z"`, `"x"`}},
		"an input too many":         {"floats", []in{x(1, 2), input("z", "FP32", 1, 2)}, [][]byte{make([]byte, 8), make([]byte, 8)}, nil, nil, invalid, []string{`input "z"`}},
		"missing input":             {"two", []in{input("a", "FP32", 1)}, [][]byte{make([]byte, 4)}, nil, nil, invalid, []string{`input "b" is missing`}},
		"no inputs":                 {"floats", nil, nil, nil, nil, invalid, []string{`input "x" is missing`}},
		"twice":                     {"floats", []in{x(1, 2), x(1, 2)}, [][]byte{make([]byte, 8), make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "twice"}},
		"wrong datatype":            {"floats", []in{input("x", "INT64", 1, 2)}, [][]byte{make([]byte, 16)}, nil, nil, invalid, []string{`input "x"`, "INT64", "FP32"}},
		"unknown datatype":          {"floats", []in{input("x", "FP8", 1, 2)}, [][]byte{make([]byte, 2)}, nil, nil, invalid, []string{`input "x"`, `"FP8"`, "BF16"}},
		"no datatype":               {"floats", []in{input("x", "", 1, 2)}, [][]byte{make([]byte, 2)}, nil, nil, invalid, []string{`input "x"`}},
		"INVALID":                   {"floats", []in{input("x", "INVALID", 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`}},
		"wrong rank":                {"floats", []in{x(2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "[2]", "[-1, 2]"}},
		"wrong size":                {"floats", []in{x(1, 3)}, [][]byte{make([]byte, 12)}, nil, nil, invalid, []string{`input "x"`, "[1, 3]", "[-1, 2]"}},
		"negative size":             {"floats", []in{x(-1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "negative"}},
		"overflow":                  {"floats", []in{x(1<<62, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "overflows"}},
		"overflow that wraps":       {"floats", []in{x(6148914691236517207, 3)}, [][]byte{make([]byte, 20)}, nil, nil, invalid, []string{`input "x"`}},
		"overflow of bytes":         {"floats", []in{x(1<<61, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "overflows"}},
		"raw too short":             {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 7)}, nil, nil, invalid, []string{`input "x"`, "8 bytes", "found 7"}},
		"raw too long":              {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 9)}, nil, nil, invalid, []string{`input "x"`, "8 bytes", "found 9"}},
		"raw missing":               {"two", []in{input("a", "FP32", 1), input("b", "INT64", 1)}, [][]byte{make([]byte, 4)}, nil, nil, invalid, []string{"raw_input_contents has 1", "2 inputs", `"a", "b"`}},
		"raw too many":              {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8), {}}, nil, nil, invalid, []string{"raw_input_contents has 2", "1 inputs"}},
		"raw and typed":             {"floats", []in{typed("FP32", floats(1, 2), 1, 2)}, [][]byte{make([]byte, 8)}, nil, nil, invalid, []string{`input "x"`, "fp32_contents", "raw_input_contents"}},
		"neither raw nor typed":     {"floats", []in{x(1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "no elements", "fp32_contents"}},
		"typed too few":             {"floats", []in{typed("FP32", floats(1), 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "fp32_contents has 1 ", "takes 2"}},
		"typed too many":            {"floats", []in{typed("FP32", floats(1, 2, 3), 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "has 3 ", "takes 2"}},
		"wrong field":               {"floats", []in{typed("FP32", ints(1, 2), 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "int_contents", "fp32_contents"}},
		"two fields":                {"floats", []in{typed("FP32", &inference.InferTensorContents{Fp32Contents: []float32{1, 2}, IntContents: []int32{1}}, 1, 2)}, nil, nil, nil, invalid, []string{`input "x"`, "int_contents", "fp32_contents"}},
		"typed FP16":                {"halves", []in{typed("FP16", floats(1), 1)}, nil, nil, nil, invalid, []string{`input "x"`, "FP16", "raw_input_contents"}},
		"FP16 without contents":     {"halves", []in{input("x", "FP16", 1)}, nil, nil, nil, invalid, []string{`input "x"`, "raw_input_contents"}},
		"INT8 too large":            {"int8", []in{typed("INT8", ints(0, 128), 2)}, nil, nil, nil, invalid, []string{`input "x"`, "element 1 is 128", "-128 to 127"}},
		"INT16 too small":           {"int16", []in{typed("INT16", ints(-32769), 1)}, nil, nil, nil, invalid, []string{`input "x"`, "-32769"}},
		"UINT8 too large":           {"uint8", []in{typed("UINT8", uints(256), 1)}, nil, nil, nil, invalid, []string{`input "x"`, "256", "0 to 255"}},
		"UINT16 too large":          {"uint16", []in{typed("UINT16", uints(65536), 1)}, nil, nil, nil, invalid, []string{`input "x"`, "65536"}},
		"BOOL of neither":           {"bools", []in{input("x", "BOOL", 2)}, [][]byte{{0, 2}}, nil, nil, invalid, []string{`input "x"`, "element 1", "2"}},
		"BYTES past the end":        {"bytes", []in{input("x", "BYTES", 2)}, [][]byte{append(elements("a"), 9, 0, 0, 0, 'b')}, nil, nil, invalid, []string{`input "x"`, "element 1", "9 bytes"}},
		"BYTES too few":             {"bytes", []in{input("x", "BYTES", 3)}, [][]byte{elements("a", "b")}, nil, nil, invalid, []string{`input "x"`, "found 2"}},
		"BYTES too many":            {"bytes", []in{input("x", "BYTES", 1)}, [][]byte{elements("a", "b")}, nil, nil, invalid, []string{`input "x"`, "more"}},
		"BYTES of a huge shape":     {"bytes", []in{input("x", "BYTES", 1<<62)}, [][]byte{elements("a")}, nil, nil, invalid, []string{`input "x"`}},
		"unknown output":            {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, []string{"z"}, nil, invalid, []string{`output "z"`, `"y"`}},
		"output twice":              {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, []string{"y", "y"}, nil, invalid, []string{`output "y"`, "twice"}},
		"batch too large":           {"batches", []in{x(5, 2)}, [][]byte{make([]byte, 40)}, nil, nil, invalid, []string{`input "x"`, "5", "4 at most"}},
		"batches that differ":       {"pairs", []in{input("a", "FP32", 1), input("b", "INT64", 2)}, [][]byte{make([]byte, 4), make([]byte, 16)}, nil, nil, invalid, []string{`input "b"`, `input "a"`}},
		"shared memory is off":      {"floats", []in{with(x(1, 2), parameters{"shared_memory_region": stringParam("r"), "shared_memory_byte_size": int64Param(8)})}, nil, nil, nil, connect.CodeUnimplemented, []string{`input "x"`, "--allow-shared-memory"}},
		"region without size":       {"floats", []in{with(x(1, 2), parameters{"shared_memory_region": stringParam("r")})}, nil, nil, nil, invalid, []string{`input "x"`, "shared_memory_byte_size"}},
		"size without region":       {"floats", []in{with(x(1, 2), parameters{"shared_memory_byte_size": int64Param(8)})}, nil, nil, nil, invalid, []string{`input "x"`, "shared_memory_region"}},
		"priority of text":          {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, parameters{"priority": stringParam("high")}, invalid, []string{"priority", "high"}},
		"negative timeout":          {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, parameters{"timeout": int64Param(-1)}, invalid, []string{"timeout", "-1"}},
		"timeout that overflows":    {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, parameters{"timeout": int64Param(1<<63 - 1)}, invalid, []string{"timeout"}},
		"reserved parameter":        {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, parameters{"triton_magic": boolParam(true)}, invalid, []string{"triton_magic"}},
		"final response of no bool": {"floats", []in{x(1, 2)}, [][]byte{make([]byte, 8)}, nil, parameters{"triton_enable_empty_final_response": int64Param(1)}, invalid, []string{"triton_enable_empty_final_response"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{
				ModelName: test.model, Inputs: test.inputs, RawInputContents: test.raw, Outputs: asked(test.outputs...), Parameters: test.parameters,
			})
			says(t, err, test.code, test.says...)
		})
	}
	// What is quoted of a request stays short.
	_, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: "floats", Inputs: []in{input(strings.Repeat("é", 1<<20), "FP32", 1, 2)}, RawInputContents: [][]byte{make([]byte, 8)}})
	says(t, err, invalid, `input "éé`)
	if len(err.Error()) > 5000 || !utf8.ValidString(err.Error()) {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
	for version, code := range map[string]connect.Code{"abc": invalid, "-1": invalid, "01": invalid, "1.0": invalid, "../1": invalid, "7": connect.CodeNotFound} {
		_, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: "floats", ModelVersion: version, Inputs: []in{x(1, 2)}, RawInputContents: [][]byte{make([]byte, 8)}})
		says(t, err, code, version)
	}
}
