package oip_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// classes asks a model that gives back data for the k best classes.
func classes(t *testing.T, m *infertest.Model, data []byte, k int64, shape ...int64) ([]int64, []string, error) {
	t.Helper()
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	out := handlertest.RequestedOutputs("y")
	out[0].Parameters = handlertest.Parameters{"classification": handlertest.Int64(k)}
	res, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{
		ModelName: "m", Outputs: out, RawInputContents: [][]byte{data},
		Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", m.Inputs[0].DataType.String(), shape...)},
	})
	if err != nil {
		return nil, nil, err
	}
	got := res.GetOutputs()[0]
	if got.GetDatatype() != "BYTES" || got.GetName() != "y" {
		t.Errorf("%v", got)
	}
	var texts []string
	for e := range tensor.BytesElements(res.GetRawOutputContents()[0]) {
		texts = append(texts, string(e))
	}
	return got.GetShape(), texts, nil
}

// TestClassification has the forms that Triton answers in.
func TestClassificationExtension(t *testing.T) {
	batched := func(m *infertest.Model) *infertest.Model {
		m.Config = &inference.ModelConfig{MaxBatchSize: 8}
		return m
	}
	labelled := func(m *infertest.Model, labels ...string) *infertest.Model {
		m.Labels = labels
		return m
	}
	ofOutput := func(m *infertest.Model, labels ...string) *infertest.Model {
		m.OutputLabels = map[string][]string{"y": labels}
		return m
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, test := range map[string]struct {
		model *infertest.Model
		data  []byte
		k     int64
		in    []int64
		shape []int64
		want  []string
	}{
		"rows of a batch":           {batched(infertest.Echo(tensor.FP32, -1, 3)), tensor.AsBytes([]float32{1, 3, 2, 6, 5, 4}), 2, []int64{2, 3}, []int64{2, 2}, []string{"3.000000:1", "2.000000:2", "6.000000:0", "5.000000:1"}},
		"one row of a batch":        {batched(infertest.Echo(tensor.FP32, -1, 3)), tensor.AsBytes([]float32{1, 3, 2}), 1, []int64{1, 3}, []int64{1, 1}, []string{"3.000000:1"}},
		"no rows":                   {batched(infertest.Echo(tensor.FP32, -1, 3)), nil, 2, []int64{0, 3}, []int64{0, 2}, nil},
		"a batch of scalars":        {batched(infertest.Echo(tensor.FP32, -1)), tensor.AsBytes([]float32{1, 2}), 3, []int64{2}, []int64{2, 1}, []string{"1.000000:0", "2.000000:0"}},
		"rows of rank 3":            {batched(infertest.Echo(tensor.FP32, -1, 2, 1)), tensor.AsBytes([]float32{1, 2, 4, 3}), 1, []int64{2, 2, 1}, []int64{2, 1}, []string{"2.000000:1", "4.000000:0"}},
		"an open first dimension":   {infertest.Echo(tensor.FP32, -1, 3), tensor.AsBytes([]float32{1, 3, 2}), 2, []int64{1, 3}, []int64{1, 2}, []string{"3.000000:1", "2.000000:2"}},
		"no batches":                {infertest.Echo(tensor.FP32, 2, 2), tensor.AsBytes([]float32{1, 4, 2, 3}), 3, []int64{2, 2}, []int64{3}, []string{"4.000000:1", "3.000000:3", "2.000000:2"}},
		"a vector":                  {infertest.Echo(tensor.FP32, -1), tensor.AsBytes([]float32{1, 4, 2}), 2, []int64{3}, []int64{2}, []string{"4.000000:1", "2.000000:2"}},
		"more than there are":       {infertest.Echo(tensor.FP32, 2), tensor.AsBytes([]float32{1, 4}), 100, []int64{2}, []int64{2}, []string{"4.000000:1", "1.000000:0"}},
		"the model's labels":        {labelled(infertest.Echo(tensor.FP32, -1), "cat", "a:dog"), tensor.AsBytes([]float32{1, 4, 2}), 3, []int64{3}, []int64{3}, []string{"4.000000:1:a:dog", "2.000000:2", "1.000000:0:cat"}},
		"a class without a label":   {labelled(infertest.Echo(tensor.FP32, -1), "cat", "", "dog"), tensor.AsBytes([]float32{1, 4, 2}), 3, []int64{3}, []int64{3}, []string{"4.000000:1", "2.000000:2:dog", "1.000000:0:cat"}},
		"labels of another axis":    {labelled(infertest.Echo(tensor.FP32, -1, 2, 2), "cat", "dog"), tensor.AsBytes([]float32{4, 1, 2, 3}), 2, []int64{1, 2, 2}, []int64{1, 2}, []string{"4.000000:0", "3.000000:3"}},
		"the output's labels":       {labelled(ofOutput(infertest.Echo(tensor.FP32, 1, 2), "x", "y"), "cat", "dog"), tensor.AsBytes([]float32{1, 4}), 1, []int64{1, 2}, []int64{1}, []string{"4.000000:1:y"}},
		"equal ones in their order": {infertest.Echo(tensor.FP32, 4), tensor.AsBytes([]float32{0, 1, 1, 1}), 2, []int64{4}, []int64{2}, []string{"1.000000:1", "1.000000:2"}},
		"what is no number":         {infertest.Echo(tensor.FP32, 4), tensor.AsBytes([]float32{nan, -inf, inf, 1e-7}), 4, []int64{4}, []int64{4}, []string{"inf:2", "0.000000:3", "-inf:1", "nan:0"}},
		"FP64":                      {infertest.Echo(tensor.FP64, 2), tensor.AsBytes([]float64{1e20, -0.5}), 2, []int64{2}, []int64{2}, []string{"100000000000000000000.000000:0", "-0.500000:1"}},
		"FP16":                      {infertest.Echo(tensor.FP16, 2), tensor.AsBytes([]uint16{0x3c00, 0x4000}), 2, []int64{2}, []int64{2}, []string{"2.000000:1", "1.000000:0"}},
		"BF16":                      {infertest.Echo(tensor.BF16, 2), tensor.AsBytes([]uint16{0x3f80, 0x4000}), 1, []int64{2}, []int64{1}, []string{"2.000000:1"}},
		"UINT8":                     {infertest.Echo(tensor.Uint8, 2), []byte{1, 255}, 2, []int64{2}, []int64{2}, []string{"255:1", "1:0"}},
		"UINT16":                    {infertest.Echo(tensor.Uint16, 1), tensor.AsBytes([]uint16{65535}), 1, []int64{1}, []int64{1}, []string{"65535:0"}},
		"UINT32":                    {infertest.Echo(tensor.Uint32, 1), tensor.AsBytes([]uint32{1 << 31}), 1, []int64{1}, []int64{1}, []string{"2147483648:0"}},
		"UINT64":                    {infertest.Echo(tensor.Uint64, 1), tensor.AsBytes([]uint64{1<<64 - 1}), 1, []int64{1}, []int64{1}, []string{"18446744073709551615:0"}},
		"INT8":                      {infertest.Echo(tensor.Int8, 2), tensor.AsBytes([]int8{-2, -1}), 2, []int64{2}, []int64{2}, []string{"-1:1", "-2:0"}},
		"INT16":                     {infertest.Echo(tensor.Int16, 1), tensor.AsBytes([]int16{-300}), 1, []int64{1}, []int64{1}, []string{"-300:0"}},
		"INT32":                     {infertest.Echo(tensor.Int32, 1), tensor.AsBytes([]int32{-70000}), 1, []int64{1}, []int64{1}, []string{"-70000:0"}},
		"INT64":                     {infertest.Echo(tensor.Int64, 2), tensor.AsBytes([]int64{-1 << 63, 1<<63 - 1}), 2, []int64{2}, []int64{2}, []string{"9223372036854775807:1", "-9223372036854775808:0"}},
	} {
		shape, got, err := classes(t, test.model, test.data, test.k, test.in...)
		if err != nil || !slices.Equal(shape, test.shape) || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v %q, %v, want %v %q", name, shape, got, err, test.shape, test.want)
		}
	}
}

func TestClassificationOfWhatHasNoClasses(t *testing.T) {
	_, _, err := classes(t, infertest.Echo(tensor.Bytes, 1), handlertest.Elements("a"), 1, 1)
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `output "y"`, "BYTES")
	_, _, err = classes(t, infertest.Echo(tensor.Bool, 1), []byte{1}, 1, 1)
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `output "y"`, "BOOL")
	for _, k := range []int64{0, -1} {
		_, _, err = classes(t, infertest.Echo(tensor.FP32, 1), make([]byte, 4), k, 1)
		handlertest.WantError(t, err, connect.CodeInvalidArgument, `output "y"`, "classification", fmt.Sprint(k))
	}
}

// TestTheBestClassesAreThoseOfAFullSort compares the partial sort to one of all.
func TestTheBestClassesAreThoseOfAFullSort(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 7, 100, 1000} {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(random.IntN(n)) // with equal ones
		}
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
		for _, k := range []int{1, 3, n/2 + 1, n} {
			k = min(k, n)
			_, got, err := classes(t, infertest.Echo(tensor.FP32, -1), tensor.AsBytes(values), int64(k), int64(n))
			if err != nil || len(got) != k {
				t.Fatalf("%d of %d: %d, %v", k, n, len(got), err)
			}
			for i, class := range order[:k] {
				if want := fmt.Sprintf("%f:%d", values[class], class); got[i] != want {
					t.Fatalf("%d of %d: place %d has %s, want %s", k, n, i, got[i], want)
				}
			}
		}
	}
}
