package oip_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

func TestSharedMemory(t *testing.T) {
	dir := t.TempDir()
	object := make([]byte, 64)
	copy(object[8:], tensor.AsBytes([]float32{1, 2, 3, 4}))
	if err := os.WriteFile(filepath.Join(dir, "o"), object, 0o600); err != nil {
		t.Fatal(err)
	}
	regions := sharedmem.New(dir)
	t.Cleanup(func() { _ = regions.Close() })
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1), "strings": infertest.Echo(tensor.Bytes, -1), "two": infertest.Two()}, handlertest.Options{SharedMemory: regions})
	ctx := t.Context()
	if _, err := client.SystemSharedMemoryRegister(ctx, &inference.SystemSharedMemoryRegisterRequest{Name: "r", Key: "/o", Offset: 8, ByteSize: 56}); err != nil {
		t.Fatal(err)
	}
	_, err := client.SystemSharedMemoryRegister(ctx, &inference.SystemSharedMemoryRegisterRequest{Name: "r", Key: "/o", ByteSize: 8})
	handlertest.WantError(t, err, connect.CodeAlreadyExists, `"r"`)
	_, err = client.SystemSharedMemoryRegister(ctx, &inference.SystemSharedMemoryRegisterRequest{Name: "s", Key: "../o", ByteSize: 8})
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `"../o"`)
	status, err := client.SystemSharedMemoryStatus(ctx, &inference.SystemSharedMemoryStatusRequest{})
	if r := status.GetRegions()["r"]; err != nil || len(status.GetRegions()) != 1 || r.GetKey() != "/o" || r.GetOffset() != 8 || r.GetByteSize() != 56 {
		t.Errorf("%v, %v", status, err)
	}

	span := func(offset, size int64) handlertest.Parameters {
		return handlertest.Parameters{"shared_memory_region": handlertest.String("r"), "shared_memory_offset": handlertest.Int64(offset), "shared_memory_byte_size": handlertest.Int64(size)}
	}
	request := func(elements int64, in, out handlertest.Parameters) *inference.ModelInferRequest {
		req := &inference.ModelInferRequest{ModelName: "m", Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", "FP32", elements)}, Outputs: handlertest.RequestedOutputs("y")}
		req.Inputs[0].Parameters, req.Outputs[0].Parameters = in, out
		return req
	}
	res, err := client.ModelInfer(ctx, request(4, span(0, 16), span(32, 20)))
	if err != nil {
		t.Fatal(err)
	}
	out := res.GetOutputs()[0]
	if len(res.GetRawOutputContents()) != 1 || len(res.GetRawOutputContents()[0]) != 0 || !slices.Equal(out.GetShape(), []int64{4}) || out.GetParameters()["shared_memory_byte_size"].GetInt64Param() != 16 || out.GetParameters()["shared_memory_region"].GetStringParam() != "r" {
		t.Errorf("%v", res)
	}
	got, err := os.ReadFile(filepath.Join(dir, "o"))
	if err != nil || !slices.Equal(got[40:56], tensor.AsBytes([]float32{1, 2, 3, 4})) {
		t.Errorf("the object holds %v, %v", got, err)
	}
	// One input in shared memory, one raw; answers keep their places.
	mixed, err := client.ModelInfer(ctx, &inference.ModelInferRequest{
		ModelName: "two", RawInputContents: [][]byte{tensor.AsBytes([]int64{7})},
		Inputs:  []*inference.ModelInferRequest_InferInputTensor{{Name: "a", Datatype: "FP32", Shape: []int64{1}, Parameters: span(4, 4)}, handlertest.Input("b", "INT64", 1)},
		Outputs: []*inference.ModelInferRequest_InferRequestedOutputTensor{{Name: "c", Parameters: span(48, 4)}, {Name: "d"}},
	})
	if err != nil || len(mixed.GetRawOutputContents()) != 2 || len(mixed.GetRawOutputContents()[0]) != 0 || !slices.Equal(mixed.GetRawOutputContents()[1], tensor.AsBytes([]int64{7})) {
		t.Errorf("%v, %v", mixed, err)
	}

	both := request(4, span(0, 16), nil)
	both.Inputs[0].Contents = &inference.InferTensorContents{Fp32Contents: []float32{1, 2, 3, 4}}
	classes := request(4, span(0, 16), span(32, 16))
	classes.Outputs[0].Parameters["classification"] = handlertest.Int64(1)
	strings := request(1, span(0, 16), nil) // what is there is no string
	strings.ModelName, strings.Inputs[0].Datatype = "strings", "BYTES"
	unknown := request(4, span(0, 16), nil)
	unknown.Inputs[0].Parameters["shared_memory_region"] = handlertest.String("nobody")
	for name, test := range map[string]struct {
		req  *inference.ModelInferRequest
		code connect.Code
		says []string
	}{
		"size and shape":          {request(4, span(0, 12), nil), connect.CodeInvalidArgument, []string{`input "x"`, "12", "16"}},
		"past the region":         {request(4, span(48, 16), nil), connect.CodeInvalidArgument, []string{`input "x"`, `"r"`, "56"}},
		"negative offset":         {request(4, span(-8, 16), nil), connect.CodeInvalidArgument, []string{`input "x"`, "shared_memory_offset", "-8"}},
		"unknown region":          {unknown, connect.CodeNotFound, []string{`input "x"`, `"nobody"`}},
		"output too large":        {request(4, span(0, 16), span(32, 15)), connect.CodeInvalidArgument, []string{`output "y"`, "16", "15"}},
		"output past the region":  {request(4, span(0, 16), span(56, 16)), connect.CodeInvalidArgument, []string{`output "y"`}},
		"shared and typed":        {both, connect.CodeInvalidArgument, []string{`input "x"`, "shared_memory_region", "fp32_contents"}},
		"shared and classes":      {classes, connect.CodeInvalidArgument, []string{`output "y"`, "classes"}},
		"strings that are none":   {strings, connect.CodeInvalidArgument, []string{`input "x"`, "BYTES element 0"}},
		"a raw entry too many":    {&inference.ModelInferRequest{ModelName: "m", RawInputContents: [][]byte{{}}, Inputs: []*inference.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "FP32", Shape: []int64{4}, Parameters: span(0, 16)}}}, connect.CodeInvalidArgument, []string{"raw_input_contents has 1", "0 inputs"}},
		"overflow of the numbers": {request(4, span(1<<62, 1<<62), nil), connect.CodeInvalidArgument, []string{`input "x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.ModelInfer(ctx, test.req)
			handlertest.WantError(t, err, test.code, test.says...)
		})
	}

	if err := os.Truncate(filepath.Join(dir, "o"), 10); err != nil {
		t.Fatal(err)
	}
	_, err = client.ModelInfer(ctx, request(4, span(0, 16), nil))
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `input "x"`, "10 bytes")
	if _, err := client.SystemSharedMemoryUnregister(ctx, &inference.SystemSharedMemoryUnregisterRequest{Name: "r"}); err != nil {
		t.Error(err)
	}
	_, err = client.SystemSharedMemoryStatus(ctx, &inference.SystemSharedMemoryStatusRequest{Name: "r"})
	handlertest.WantError(t, err, connect.CodeNotFound, `"r"`)
}
