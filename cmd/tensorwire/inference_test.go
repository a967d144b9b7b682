package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// The short names of the protocol's messages.
type (
	inferInput  = inference.ModelInferRequest_InferInputTensor
	inferOutput = inference.ModelInferRequest_InferRequestedOutputTensor
)

func inferenceClient(h *http.Client, url string, options ...connecthttp.Option) inferenceconnect.GRPCInferenceServiceClient {
	return inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(connecthttp.NewTransport(h, url, options...)))
}

// grpcClient returns a client of the service over gRPC.
func grpcClient(t *testing.T, p *process) inferenceconnect.GRPCInferenceServiceClient {
	t.Helper()
	return inferenceClient(newClient(t, true, nil), p.url, connecthttp.WithGRPC())
}

// sum is a model of two inputs and two outputs: a + b and a.
func sum() onnxtest.Graph {
	dims := []any{"batch", 3}
	value := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Elem: onnxtest.Float32, Dims: dims}
	}
	return onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Add", Inputs: []string{"a", "b"}, Outputs: []string{"sum"}},
			{Op: "Identity", Inputs: []string{"a"}, Outputs: []string{"same"}},
		},
		Inputs:  []onnxtest.Value{value("a"), value("b")},
		Outputs: []onnxtest.Value{value("sum"), value("same")},
	}
}

// sumRequest requests the outputs [5 7 9] and a.
func sumRequest(typed bool) *inference.ModelInferRequest {
	a, b := []float32{1, 2, 3}, []float32{4, 5, 6}
	req := &inference.ModelInferRequest{
		ModelName: "sum", Id: "7", Outputs: []*inferOutput{{Name: "sum"}, {Name: "same"}},
		Inputs: []*inferInput{{Name: "b", Datatype: "FP32", Shape: []int64{1, 3}}, {Name: "a", Datatype: "FP32", Shape: []int64{1, 3}}},
	}
	if typed {
		req.Inputs[0].Contents = &inference.InferTensorContents{Fp32Contents: b}
		req.Inputs[1].Contents = &inference.InferTensorContents{Fp32Contents: a}
	} else {
		req.RawInputContents = [][]byte{tensor.AsBytes(b), tensor.AsBytes(a)}
	}
	return req
}

// TestInferenceIsTheSameOverEveryProtocol compares every protocol, encoding and version
// of HTTP.
func TestInferenceIsTheSameOverEveryProtocol(t *testing.T) {
	dir := t.TempDir()
	sum().Write(t, filepath.Join(dir, "sum", "1", "model.onnx"))
	p := start(t, "--models", dir)
	want := &inference.ModelInferResponse{
		ModelName: "sum", ModelVersion: "1", Id: "7",
		Outputs: []*inference.ModelInferResponse_InferOutputTensor{
			{Name: "sum", Datatype: "FP32", Shape: []int64{1, 3}}, {Name: "same", Datatype: "FP32", Shape: []int64{1, 3}},
		},
		RawOutputContents: [][]byte{tensor.AsBytes([]float32{5, 7, 9}), tensor.AsBytes([]float32{1, 2, 3})},
	}
	for _, h2 := range []bool{false, true} {
		h := newClient(t, h2, nil)
		for protocol, protocolOptions := range protocols {
			for encoding, encodingOptions := range encodings {
				if protocol == "grpc" && !h2 {
					continue // gRPC needs HTTP/2
				}
				t.Run(fmt.Sprintf("%s %s HTTP/2 %v", protocol, encoding, h2), func(t *testing.T) {
					c := inferenceClient(h, p.url, slices.Concat(protocolOptions, encodingOptions)...)
					for _, typed := range []bool{false, true} {
						if got, err := c.ModelInfer(t.Context(), sumRequest(typed)); err != nil || !proto.Equal(got, want) {
							t.Errorf("typed %v: %v, %v", typed, got, err)
						}
					}
					_, err := c.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: "nobody"})
					if rpc, ok := errors.AsType[*connect.Error](err); !ok || rpc.Code() != connect.CodeNotFound || !strings.HasPrefix(rpc.Message(), "Request for unknown model") {
						t.Errorf("unknown model: %v", err)
					}
					config, err := c.ModelConfig(t.Context(), &inference.ModelConfigRequest{Name: "sum"})
					if err != nil || config.GetConfig().GetPlatform() != "onnxruntime_onnx" || len(config.GetConfig().GetInput()) != 2 {
						t.Errorf("%v, %v", config, err)
					}
					if h2 {
						testInferStream(t, c, want)
					}
				})
			}
		}
	}
}

func testInferStream(t *testing.T, c inferenceconnect.GRPCInferenceServiceClient, want *inference.ModelInferResponse) {
	t.Helper()
	stream, err := c.ModelStreamInfer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for i := range 3 {
		req := sumRequest(i == 2)
		req.Id = strconv.Itoa(i)
		if i == 1 {
			req.RawInputContents = req.GetRawInputContents()[1:]
		}
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		res, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		got := res.GetInferResponse()
		if got.GetId() != strconv.Itoa(i) || (res.GetErrorMessage() != "") != (i == 1) {
			t.Errorf("answer %d is %v", i, res)
		}
		if i != 1 && !slices.EqualFunc(got.GetRawOutputContents(), want.GetRawOutputContents(), slices.Equal) {
			t.Errorf("answer %d differs: %v", i, res)
		}
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
}

// TestEveryDatatypeGoesThroughONNX echoes two elements of each datatype, and zero
// elements.
func TestEveryDatatypeGoesThroughONNX(t *testing.T) {
	text := tensor.AppendElement(tensor.AppendElement(nil, []byte("a\x00\xff")), nil)
	datatypes := map[string]struct {
		elem int // of ONNX's TensorProto.DataType
		raw  []byte
	}{
		"FP32": {1, tensor.AsBytes([]float32{1.5, -2})}, "UINT8": {2, []byte{0, 255}}, "INT8": {3, []byte{128, 127}},
		"UINT16": {4, tensor.AsBytes([]uint16{0, 65535})}, "INT16": {5, tensor.AsBytes([]int16{-32768, 32767})},
		"INT32": {6, tensor.AsBytes([]int32{-1, 1 << 30})}, "INT64": {7, tensor.AsBytes([]int64{-1, 1 << 62})},
		"BYTES": {8, text}, "BOOL": {9, []byte{1, 0}}, "FP16": {10, []byte{0, 0x3c, 0, 0xc0}},
		"FP64": {11, tensor.AsBytes([]float64{1.5, -2})}, "UINT32": {12, tensor.AsBytes([]uint32{0, 1<<32 - 1})},
		"UINT64": {13, tensor.AsBytes([]uint64{0, 1<<64 - 1})}, "BF16": {16, []byte{0x80, 0x3f, 0, 0xc0}},
	}
	dir := t.TempDir()
	for name, d := range datatypes {
		onnxtest.Unary("Identity", d.elem, "n").Write(t, filepath.Join(dir, name, "1", "model.onnx"))
	}
	onnxtest.Unary("Identity", onnxtest.Int64).Write(t, filepath.Join(dir, "scalar", "1", "model.onnx"))
	p := start(t, "--models", dir)
	c := grpcClient(t, p)
	for _, name := range slices.Sorted(maps.Keys(datatypes)) {
		t.Run(name, func(t *testing.T) {
			meta, err := c.ModelMetadata(t.Context(), &inference.ModelMetadataRequest{Name: name})
			if err != nil || meta.GetInputs()[0].GetDatatype() != name || !slices.Equal(meta.GetOutputs()[0].GetShape(), []int64{-1}) {
				t.Fatalf("%v, %v", meta, err)
			}
			for n, raw := range map[int64][]byte{2: datatypes[name].raw, 0: {}} {
				got, err := c.ModelInfer(t.Context(), &inference.ModelInferRequest{
					ModelName: name, RawInputContents: [][]byte{raw},
					Inputs: []*inferInput{{Name: "x", Datatype: name, Shape: []int64{n}}},
				})
				if err != nil {
					t.Errorf("%d elements: %v", n, err)
					continue
				}
				out := got.GetOutputs()[0]
				if out.GetDatatype() != name || !slices.Equal(out.GetShape(), []int64{n}) || !slices.Equal(got.GetRawOutputContents()[0], raw) {
					t.Errorf("%d elements: %v", n, got)
				}
			}
		})
	}
	t.Run("scalar", func(t *testing.T) {
		got, err := c.ModelInfer(t.Context(), &inference.ModelInferRequest{
			ModelName: "scalar", Inputs: []*inferInput{{Name: "x", Datatype: "INT64", Contents: &inference.InferTensorContents{Int64Contents: []int64{-7}}}},
		})
		if err != nil || len(got.GetOutputs()[0].GetShape()) != 0 || !slices.Equal(got.GetRawOutputContents()[0], tensor.AsBytes([]int64{-7})) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// TestBadInferRequestsOverGRPC checks the code of errors on the wire, and that they name
// the tensor.
func TestBadInferRequestsOverGRPC(t *testing.T) {
	dir := t.TempDir()
	sum().Write(t, filepath.Join(dir, "sum", "1", "model.onnx"))
	if err := os.MkdirAll(filepath.Join(dir, "bad", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad", "1", "model.onnx"), []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--models", dir)
	c := grpcClient(t, p)
	invalid := connect.CodeInvalidArgument
	for name, test := range map[string]struct {
		change func(*inference.ModelInferRequest)
		code   connect.Code
		says   string
	}{
		"unknown input": {func(r *inference.ModelInferRequest) { r.Inputs[0].Name = "z" }, invalid, `input "z"`},
		"missing input": {func(r *inference.ModelInferRequest) {
			r.Inputs, r.RawInputContents = r.Inputs[:1], r.RawInputContents[:1]
		}, invalid, `input "a" is missing`},
		"unknown output":   {func(r *inference.ModelInferRequest) { r.Outputs[1].Name = "z" }, invalid, `output "z"`},
		"wrong datatype":   {func(r *inference.ModelInferRequest) { r.Inputs[1].Datatype = "INT32" }, invalid, `input "a" has datatype INT32`},
		"unknown datatype": {func(r *inference.ModelInferRequest) { r.Inputs[1].Datatype = "COMPLEX" }, invalid, `input "a"`},
		"wrong rank":       {func(r *inference.ModelInferRequest) { r.Inputs[1].Shape = []int64{3} }, invalid, `input "a" has shape [3]`},
		"wrong size":       {func(r *inference.ModelInferRequest) { r.Inputs[1].Shape = []int64{3, 1} }, invalid, `input "a" has shape [3, 1]`},
		"overflow":         {func(r *inference.ModelInferRequest) { r.Inputs[1].Shape = []int64{1 << 62, 1 << 62} }, invalid, `input "a"`},
		"raw length":       {func(r *inference.ModelInferRequest) { r.RawInputContents[1] = make([]byte, 13) }, invalid, `input "a"`},
		"raw and typed": {func(r *inference.ModelInferRequest) {
			r.Inputs[1].Contents = &inference.InferTensorContents{Fp32Contents: []float32{1}}
		}, invalid, `input "a"`},
		"sizes that differ": {func(r *inference.ModelInferRequest) {
			r.Inputs[0].Shape, r.RawInputContents[0] = []int64{2, 3}, make([]byte, 24)
			r.Inputs[1].Shape, r.RawInputContents[1] = []int64{3, 3}, make([]byte, 36)
		}, invalid, "broadcast"},
		"version of letters": {func(r *inference.ModelInferRequest) { r.ModelVersion = "one" }, invalid, "'one'"},
		"version of a path":  {func(r *inference.ModelInferRequest) { r.ModelVersion = "../../1" }, invalid, "'../../1'"},
		"model of a path":    {func(r *inference.ModelInferRequest) { r.ModelName = "../sum" }, connect.CodeNotFound, "Request for unknown model"},
		"unknown version":    {func(r *inference.ModelInferRequest) { r.ModelVersion = "9" }, connect.CodeNotFound, "Request for unknown model"},
		"bad model":          {func(r *inference.ModelInferRequest) { r.ModelName = "bad" }, connect.CodeUnavailable, `"bad"`},
		"shared memory":      {func(r *inference.ModelInferRequest) { r.Outputs[0].Parameters = regionParameters(0) }, connect.CodeUnimplemented, "(allow-shared-memory)"},
	} {
		t.Run(name, func(t *testing.T) {
			req := sumRequest(false)
			test.change(req)
			_, err := c.ModelInfer(t.Context(), req)
			if connect.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.says) {
				t.Errorf("code %v, want %v and %q: %v", connect.CodeOf(err), test.code, test.says, err)
			}
			if err != nil && strings.Contains(err.Error(), dir) {
				t.Errorf("the error contains a path of the server: %v", err)
			}
		})
	}
	if got, err := c.ModelInfer(t.Context(), sumRequest(false)); err != nil || len(got.GetRawOutputContents()) != 2 {
		t.Errorf("the server does not keep serving: %v, %v", got, err)
	}
	stats, err := c.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Name: "sum"})
	if err != nil || stats.GetModelStats()[0].GetInferenceStats().GetSuccess().GetCount() != 1 || stats.GetModelStats()[0].GetInferenceStats().GetFail().GetCount() == 0 {
		t.Errorf("%v, %v", stats, err)
	}
}

// regionParameters refers to 12 bytes of the region r.
func regionParameters(offset int64) map[string]*inference.InferParameter {
	return map[string]*inference.InferParameter{
		"shared_memory_region":    {ParameterChoice: &inference.InferParameter_StringParam{StringParam: "r"}},
		"shared_memory_offset":    {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: offset}},
		"shared_memory_byte_size": {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: 12}},
	}
}

// TestSharedMemoryOverGRPC passes tensors in a shared memory object.
func TestSharedMemoryOverGRPC(t *testing.T) {
	object, err := os.CreateTemp("/dev/shm", "tensorwire-test-")
	if err != nil {
		t.Skipf("no shared memory here: %v", err)
	}
	defer os.Remove(object.Name())
	defer object.Close()
	if _, err := object.Write(tensor.AsBytes([]float32{1, 2, 3, 4, 5, 6, 0, 0, 0})); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sum().Write(t, filepath.Join(dir, "sum", "1", "model.onnx"))
	c := grpcClient(t, start(t, "--models", dir, "--allow-shared-memory"))
	key := "/" + filepath.Base(object.Name())
	if _, err := c.SystemSharedMemoryRegister(t.Context(), &inference.SystemSharedMemoryRegisterRequest{Name: "r", Key: key, ByteSize: 36}); err != nil {
		t.Fatal(err)
	}
	got, err := c.ModelInfer(t.Context(), &inference.ModelInferRequest{
		ModelName: "sum",
		Inputs: []*inferInput{
			{Name: "a", Datatype: "FP32", Shape: []int64{1, 3}, Parameters: regionParameters(0)},
			{Name: "b", Datatype: "FP32", Shape: []int64{1, 3}, Parameters: regionParameters(12)},
		},
		Outputs: []*inferOutput{{Name: "sum", Parameters: regionParameters(24)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	written := make([]byte, 12)
	if _, err := object.ReadAt(written, 24); err != nil || !slices.Equal(written, tensor.AsBytes([]float32{5, 7, 9})) {
		t.Errorf("the object holds %v, %v; answer %v", written, err, got)
	}
}

func TestModelsByRequest(t *testing.T) {
	dir := t.TempDir()
	sum().Write(t, filepath.Join(dir, "sum", "1", "model.onnx"))
	c := grpcClient(t, start(t, "--models", dir, "--model-control", "explicit"))
	ctx := t.Context()
	state := func() string {
		index, err := c.RepositoryIndex(ctx, &inference.RepositoryIndexRequest{})
		if err != nil || len(index.GetModels()) != 1 {
			t.Fatalf("%v, %v", index, err)
		}
		return index.GetModels()[0].GetState()
	}
	if got := state(); got != "" {
		t.Errorf("state %q before the load", got)
	}
	if _, err := c.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "sum"}); err != nil {
		t.Fatal(err)
	}
	if got := state(); got != "READY" {
		t.Errorf("state %q after the load", got)
	}
	if _, err := c.ModelInfer(ctx, sumRequest(false)); err != nil {
		t.Error(err)
	}
	if _, err := c.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{ModelName: "sum"}); err != nil {
		t.Fatal(err)
	}
	if ready, err := c.ModelReady(ctx, &inference.ModelReadyRequest{Name: "sum"}); err != nil || ready.GetReady() {
		t.Errorf("%v, %v", ready, err)
	}
	if _, err := c.ModelInfer(ctx, sumRequest(false)); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("an unloaded model: %v", err)
	}
	_, err := c.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "nobody"})
	if connect.CodeOf(err) != connect.CodeNotFound || !strings.Contains(err.Error(), "failed to load") {
		t.Errorf("a model that is not there: %v", err)
	}
	_, err = c.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "sum", Parameters: map[string]*inference.ModelRepositoryParameter{
		"config":            {ParameterChoice: &inference.ModelRepositoryParameter_StringParam{StringParam: "{}"}},
		"file:1/model.onnx": {ParameterChoice: &inference.ModelRepositoryParameter_BytesParam{BytesParam: []byte("no model")}},
	}})
	if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "failed to load") {
		t.Errorf("a file that is no model: %v", err)
	}
}

// TestTheServiceIsListed checks that gRPC health knows the service.
func TestTheServiceIsListed(t *testing.T) {
	p := start(t, "--models", root+"/models")
	status, text := post(t, p.url+"/grpc.health.v1.Health/Check", "application/json", strings.NewReader(`{"service":"inference.GRPCInferenceService"}`))
	if status != http.StatusOK || !strings.Contains(text, "SERVING") {
		t.Errorf("status %d: %s", status, text)
	}
	status, text = post(t, p.url+"/inference.GRPCInferenceService/ServerMetadata", "application/json", strings.NewReader(`{}`))
	if status != http.StatusOK || !strings.Contains(text, `"tensorwire"`) || strings.Contains(text, "system_shared_memory") {
		t.Errorf("status %d: %s", status, text)
	}
}
