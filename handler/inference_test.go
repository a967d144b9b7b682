package handler_test

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// fakeModel is a model that is not ONNX's: its outputs are its inputs, in their order,
// or what run returns.
type fakeModel struct {
	inputs, outputs []engine.TensorSpec
	run             func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error)
	// config and labels are what the repository would have read.
	config       *inference.ModelConfig
	labels       []string
	outputLabels map[string][]string
	// versions are those of the model; 1 where there are none.
	versions []string
	// instances is how many calls run at once; 16 where it is 0.
	instances int
	// batching joins requests; nil: none are.
	batching *scheduler.Batching
	// maxQueue is how many requests may wait; 0: the scheduler's default.
	maxQueue int
	// cache answers requests a second time; nil: none does.
	cache *respcache.Cache
	// closed, where it is set, is called when the model is closed.
	closed func()
}

func (m *fakeModel) Signature() *engine.Signature {
	return &engine.Signature{Inputs: m.inputs, Outputs: m.outputs}
}

func (m *fakeModel) Close() error {
	if m.closed != nil {
		m.closed()
	}
	return nil
}

func (m *fakeModel) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.run != nil {
		return m.run(ctx, inputs)
	}
	return &engine.Result{Outputs: inputs[:len(m.outputs)]}, nil
}

// echo returns a model that gives back an input x of the datatype and shape as y.
func echo(d tensor.DataType, shape ...int64) *fakeModel {
	return &fakeModel{
		inputs:  []engine.TensorSpec{{Name: "x", DataType: d, Shape: shape}},
		outputs: []engine.TensorSpec{{Name: "y", DataType: d, Shape: shape}},
	}
}

// fakeLoader loads fake models by the names of their directories.
type fakeLoader map[string]*fakeModel

func (l fakeLoader) Load(_ context.Context, path string, _ engine.LoadOptions) (engine.Session, error) {
	return l[filepath.Base(filepath.Dir(filepath.Dir(path)))], nil
}

// fakeRepository records what is loaded and unloaded by request.
type fakeRepository struct {
	*repository.Repository
	mu    sync.Mutex
	calls []string
	given *repository.Override
	err   error
}

func (r *fakeRepository) LoadModel(_ context.Context, name string, override *repository.Override) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls, r.given = append(r.calls, "load "+name), override
	return r.err
}

func (r *fakeRepository) UnloadModel(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, "unload "+name)
	return r.err
}

// newInference returns the service over models, and stops it with the test.
func newInference(t testing.TB, models map[string]*fakeModel, options handler.InferenceOptions) (*handler.Inference, *fakeRepository) {
	t.Helper()
	dir := t.TempDir()
	for name, m := range models {
		for _, version := range append(m.versions, "1")[:max(1, len(m.versions))] {
			file := filepath.Join(dir, name, version, "model.onnx")
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	log := slog.New(slog.DiscardHandler)
	schedule := func(s engine.Session, v *repository.Version) engine.Session {
		m := models[v.Model]
		s = scheduler.New(s, scheduler.Options{
			Instances: cmp.Or(m.instances, 16), MaxQueue: m.maxQueue, BatchDimension: m.config.GetMaxBatchSize() > 0, Batching: m.batching,
			Levels: []scheduler.Policy{{Override: true}}, Observer: v.Statistics,
		})
		if m.cache != nil {
			s = m.cache.Wrap(s, v.Statistics)
		}
		return s
	}
	r := repository.New(dir, enginetest.Registry(fakeLoader(models)), repository.Options{Logger: log, Decorate: schedule, Compile: func(v *repository.Version) (any, error) {
		m := models[v.Model]
		v.Config, v.Labels, v.OutputLabels = m.config, m.labels, m.outputLabels
		return handler.Compile(v)
	}})
	if err := r.Scan(); err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if options.Logger == nil {
		options.Logger = log
	}
	fake := &fakeRepository{Repository: r}
	return handler.NewInference(fake, options), fake
}

// inferenceClient returns a client of service.
func inferenceClient(service *handler.Inference) inferenceconnect.GRPCInferenceServiceClient {
	server := connect.NewServer()
	inferenceconnect.RegisterGRPCInferenceServiceHandler(server, service)
	return inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(connectinprocess.New(server)))
}

// serveInference returns a client of a service over models.
func serveInference(t *testing.T, models map[string]*fakeModel, options handler.InferenceOptions) inferenceconnect.GRPCInferenceServiceClient {
	t.Helper()
	service, _ := newInference(t, models, options)
	return inferenceClient(service)
}

// input returns an input without elements.
func input(name, datatype string, shape ...int64) *inference.ModelInferRequest_InferInputTensor {
	return &inference.ModelInferRequest_InferInputTensor{Name: name, Datatype: datatype, Shape: shape}
}

// typed returns an input x with typed contents.
func typed(datatype string, contents *inference.InferTensorContents, shape ...int64) *inference.ModelInferRequest_InferInputTensor {
	in := input("x", datatype, shape...)
	in.Contents = contents
	return in
}

// asked returns outputs to ask for.
func asked(names ...string) []*inference.ModelInferRequest_InferRequestedOutputTensor {
	outputs := make([]*inference.ModelInferRequest_InferRequestedOutputTensor, len(names))
	for i, name := range names {
		outputs[i] = &inference.ModelInferRequest_InferRequestedOutputTensor{Name: name}
	}
	return outputs
}

func int64Param(v int64) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: v}}
}

func stringParam(v string) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_StringParam{StringParam: v}}
}

func boolParam(v bool) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: v}}
}

type parameters = map[string]*inference.InferParameter

// says checks an error's code, and that its text has each of parts.
func says(t *testing.T, err error, code connect.Code, parts ...string) {
	t.Helper()
	if connect.CodeOf(err) != code || err == nil {
		t.Errorf("code %v, want %v: %v", connect.CodeOf(err), code, err)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

func elements(texts ...string) []byte {
	var data []byte
	for _, text := range texts {
		data = tensor.AppendElement(data, []byte(text))
	}
	return data
}

// TestEveryDatatypeIsCarriedRawAndTyped sends the same two elements both ways.
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
		tensor.Bytes:  {elements("a\x00\xff", ""), &inference.InferTensorContents{BytesContents: [][]byte{[]byte("a\x00\xff"), {}}}},
	} {
		t.Run(datatype.String(), func(t *testing.T) {
			client := serveInference(t, map[string]*fakeModel{"m": echo(datatype, -1, 2)}, handler.InferenceOptions{})
			requests := []*inference.ModelInferRequest{{
				Inputs:           []*inference.ModelInferRequest_InferInputTensor{input("x", datatype.String(), 1, 2)},
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

// TestTensorsWithoutElementsAndScalars are the shapes at the edge.
func TestTensorsWithoutElementsAndScalars(t *testing.T) {
	open := echo(tensor.FP32)
	open.inputs[0].Shape, open.outputs[0].Shape = nil, nil // of any rank
	client := serveInference(t, map[string]*fakeModel{
		"scalar": echo(tensor.Int64), "empty": echo(tensor.FP32, -1, 3), "strings": echo(tensor.Bytes, -1), "open": open,
	}, handler.InferenceOptions{})
	for name, req := range map[string]*inference.ModelInferRequest{
		"a raw scalar":              {ModelName: "scalar", Inputs: []*inference.ModelInferRequest_InferInputTensor{input("x", "INT64")}, RawInputContents: [][]byte{make([]byte, 8)}},
		"a typed scalar":            {ModelName: "scalar", Inputs: []*inference.ModelInferRequest_InferInputTensor{typed("INT64", &inference.InferTensorContents{Int64Contents: []int64{0}})}},
		"empty raw":                 {ModelName: "empty", Inputs: []*inference.ModelInferRequest_InferInputTensor{input("x", "FP32", 0, 3)}, RawInputContents: [][]byte{nil}},
		"empty without contents":    {ModelName: "empty", Inputs: []*inference.ModelInferRequest_InferInputTensor{input("x", "FP32", 0, 3)}},
		"empty contents":            {ModelName: "empty", Inputs: []*inference.ModelInferRequest_InferInputTensor{typed("FP32", &inference.InferTensorContents{}, 0, 3)}},
		"no strings":                {ModelName: "strings", Inputs: []*inference.ModelInferRequest_InferInputTensor{input("x", "BYTES", 0)}, RawInputContents: [][]byte{{}}},
		"any rank":                  {ModelName: "open", Inputs: []*inference.ModelInferRequest_InferInputTensor{input("x", "FP32", 1, 1, 1, 1, 2)}, RawInputContents: [][]byte{make([]byte, 8)}},
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

// two returns a model that gives its inputs a and b back as c and d.
func two() *fakeModel {
	return &fakeModel{
		inputs:  []engine.TensorSpec{{Name: "a", DataType: tensor.FP32, Shape: tensor.Shape{-1}}, {Name: "b", DataType: tensor.Int64, Shape: tensor.Shape{-1}}},
		outputs: []engine.TensorSpec{{Name: "c", DataType: tensor.FP32, Shape: tensor.Shape{-1}}, {Name: "d", DataType: tensor.Int64, Shape: tensor.Shape{-1}}},
	}
}

func TestInputsComeInAnyOrderAndOutputsAsAsked(t *testing.T) {
	client := serveInference(t, map[string]*fakeModel{"m": two()}, handler.InferenceOptions{})
	for _, want := range [][]string{nil, {"c"}, {"d"}, {"d", "c"}, {"c", "d"}} {
		res, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{
			ModelName: "m", Outputs: asked(want...),
			Inputs:           []*inference.ModelInferRequest_InferInputTensor{input("b", "INT64", 1), input("a", "FP32", 2)},
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

// TestRawContentsAreNotCopied looks at the memory on both sides of the model.
func TestRawContentsAreNotCopied(t *testing.T) {
	model := echo(tensor.FP32, -1)
	var in, out []byte
	model.run = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		in, out = inputs[0].Data, make([]byte, len(inputs[0].Data))
		return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: inputs[0].Shape, Data: out}}}, nil
	}
	service, _ := newInference(t, map[string]*fakeModel{"m": model}, handler.InferenceOptions{})
	for _, raw := range []bool{true, false} {
		values := []float32{1, 2, 3, 4}
		req := &inference.ModelInferRequest{ModelName: "m", Inputs: []*inference.ModelInferRequest_InferInputTensor{input("x", "FP32", 4)}}
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
	m := two()
	m.outputs[1] = engine.TensorSpec{Name: "maps"}
	m.run = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		return &engine.Result{Outputs: []tensor.Tensor{inputs[0], {}}}, nil
	}
	client := serveInference(t, map[string]*fakeModel{"m": m}, handler.InferenceOptions{})
	req := &inference.ModelInferRequest{
		ModelName:        "m",
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{input("a", "FP32", 1), input("b", "INT64", 1)},
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
	req.Outputs = asked("maps")
	_, err = client.ModelInfer(t.Context(), req)
	says(t, err, connect.CodeInvalidArgument, `output "maps"`, `"c"`)
}
