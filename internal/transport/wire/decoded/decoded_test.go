package decoded_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/transport/wire/decoded"
)

type inferInput = inference.ModelInferRequest_InferInputTensor

// never is a size that no value has: nothing aliases the encoding.
const never = 1 << 40

// check returns the errors of both encodings of m.
func check(t *testing.T, m proto.Message) (binary, json error) {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	plan := decoded.PlanOf(m.ProtoReflect().Descriptor())
	_, binary = plan.Binary(data, never)
	_, _, json = plan.JSON(text)
	return binary, json
}

// list returns n entries.
func list[T any](n int, entry func(i int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = entry(i)
	}
	return out
}

// parameters returns n parameters.
func parameters(n int) map[string]*inference.InferParameter {
	m := map[string]*inference.InferParameter{}
	for i := range n {
		m[fmt.Sprint(i)] = &inference.InferParameter{ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: 1}}
	}
	return m
}

func TestLimitsAreTheSameInEachEncoding(t *testing.T) {
	t.Parallel()
	input := func(int) *inferInput { return &inferInput{} }
	const entries, dimensions = decoded.MaxEntries, decoded.MaxDimensions
	for _, test := range []struct {
		name string
		m    func(excess int) proto.Message
		want string
	}{
		{"inputs", func(n int) proto.Message {
			return &inference.ModelInferRequest{Inputs: list(entries+n, input)}
		}, "inputs has more than 4096 entries: send fewer"},
		{"outputs", func(n int) proto.Message {
			return &inference.ModelInferRequest{Outputs: list(entries+n, func(int) *inference.ModelInferRequest_InferRequestedOutputTensor {
				return &inference.ModelInferRequest_InferRequestedOutputTensor{}
			})}
		}, "outputs has more than 4096 entries: send fewer"},
		{"raw contents", func(n int) proto.Message {
			return &inference.ModelInferRequest{RawInputContents: make([][]byte, entries+n)}
		}, "raw_input_contents has more than 4096 entries: send fewer"},
		{"parameters", func(n int) proto.Message {
			return &inference.ModelInferRequest{Parameters: parameters(entries + n)}
		}, "parameters has more than 4096 entries: send fewer"},
		{"parameters of an input", func(n int) proto.Message {
			return &inference.ModelInferRequest{Inputs: []*inferInput{{}, {Parameters: parameters(entries + n)}}}
		}, "inputs[1].parameters has more than 4096 entries: send fewer"},
		{"settings", func(n int) proto.Message {
			return &inference.TraceSettingRequest{Settings: map[string]*inference.TraceSettingRequest_SettingValue{
				"a": {Value: list(entries+n, func(int) string { return "" })},
			}}
		}, "settings.value has more than 4096 entries: send fewer"},
		{"all together", func(n int) proto.Message {
			return &inference.ModelInferRequest{Parameters: parameters(n), Inputs: list(4, func(int) *inferInput {
				return &inferInput{Parameters: parameters(entries - 1)}
			})}
		}, "the message has more than 16384 entries in its lists and maps together: send fewer"},
		{"shape", func(n int) proto.Message {
			return &inference.ModelInferRequest{Inputs: []*inferInput{{Shape: make([]int64, dimensions+n)}}}
		}, "inputs[0].shape has more than 64 dimensions: send fewer"},
		{"shape of an image", func(n int) proto.Message {
			return &modelserving.FastInferenceRequest{Shape: make([]int64, dimensions+n)}
		}, "shape has more than 64 dimensions: send fewer"},
	} {
		if binary, json := check(t, test.m(0)); binary != nil || json != nil {
			t.Errorf("%s: at the limit: %v, %v", test.name, binary, json)
		}
		binary, json := check(t, test.m(1))
		if binary == nil || binary.Error() != test.want {
			t.Errorf("%s: binary: %v", test.name, binary)
		}
		if json == nil || json.Error() != test.want {
			t.Errorf("%s: JSON: %v", test.name, json)
		}
	}
}

// The elements of a tensor have no limit of their own.
func TestElementsAreNotEntries(t *testing.T) {
	t.Parallel()
	const n = 10 * decoded.MaxTotal
	for _, c := range []*inference.InferTensorContents{
		{BoolContents: make([]bool, n)},
		{IntContents: make([]int32, n)},
		{Int64Contents: make([]int64, n)},
		{UintContents: make([]uint32, n)},
		{Uint64Contents: make([]uint64, n)},
		{Fp32Contents: make([]float32, n)},
		{Fp64Contents: make([]float64, n)},
		{BytesContents: make([][]byte, n)},
	} {
		if binary, json := check(t, &inference.ModelInferRequest{Inputs: []*inferInput{{Contents: c}}}); binary != nil || json != nil {
			t.Errorf("%v, %v", binary, json)
		}
	}
	if binary, json := check(t, &modelserving.InferenceRequest{TensorData: make([]float32, n)}); binary != nil || json != nil {
		t.Errorf("%v, %v", binary, json)
	}
}

// A key may be written with escapes, under either name, and between unknown members.
func TestJSONHasNoWayAroundTheLimits(t *testing.T) {
	t.Parallel()
	plan := decoded.PlanOf((&inference.ModelInferRequest{}).ProtoReflect().Descriptor())
	many := func(entry string) string { return "[" + strings.Repeat(entry+",", decoded.MaxEntries) + entry + "]" }
	for _, text := range []string{
		`{"inputs":` + many(`{}`) + `}`,
		`{"\u0069nputs":` + many(`{}`) + `}`,
		" {\n\t\"inputs\" :\r " + many(" {\n} ") + " } ",
		`{"rawInputContents":` + many(`""`) + `}`,
		`{"raw_input_contents":` + many(`""`) + `}`,
		`{"unknown":[{"inputs":"}]\"\\"}, 1.5e3, true,null],"inputs":` + many(`{"name":"\\\""}`) + `}`,
		`{"inputs":` + strings.Repeat(`{},`, decoded.MaxEntries) + `}`, // malformed
	} {
		_, _, err := plan.JSON([]byte(text))
		if decodes := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(text), &inference.ModelInferRequest{}) == nil; (err != nil) != decodes {
			t.Errorf("%.80s: it decodes: %v; the limits: %v", text, decodes, err)
		}
	}
	for _, deep := range []string{strings.Repeat("[", 1000), `{"a":` + strings.Repeat(`{"a":`, 1000)} {
		if _, _, err := plan.JSON([]byte(`{"unknown":` + deep)); err == nil || err.Error() != "the message has more than 128 levels of nesting: send fewer" {
			t.Errorf("%.20s: %v", deep, err)
		}
	}
}

func TestMalformedMessagesHaveNoErrorOfTheirOwn(t *testing.T) {
	t.Parallel()
	plan := decoded.PlanOf((&inference.ModelInferRequest{}).ProtoReflect().Descriptor())
	for _, text := range []string{"", "{", `{"inputs":`, `{"inputs":[`, `{"inputs":[{]}`, `{"inputs"`, `{"\x":1}`, `{"a":1 2}`, `[]`, `"`, `nul`, `{"parameters":{"a"`, `{"inputs":{}}`, `{"parameters":[]}`} {
		if _, _, err := plan.JSON([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, data := range []string{"\x2a", "\x2a\x05\x0a", "\x2a\x02\x2a\x09", "\xff", "\x2b", "\x29\x00"} {
		if _, err := plan.Binary([]byte(data), never); err != nil {
			t.Errorf("%x: %v", data, err)
		}
	}
}

// The estimate covers what a decoded message takes, except for what the allocator rounds up, and is
// not far above it.
func TestEstimateIsWhatDecodingTakes(t *testing.T) {
	const n = 500_000 // large beside what the runtime allocates meanwhile
	element := func(int) []byte { return []byte("abc") }
	for name, m := range map[string]proto.Message{
		"raw":        &inference.ModelInferRequest{RawInputContents: [][]byte{make([]byte, n), make([]byte, 2*n)}},
		"inputs":     &inference.ModelInferRequest{Inputs: list(4000, func(int) *inferInput { return &inferInput{} })},
		"parameters": &inference.ModelInferRequest{Parameters: parameters(4000)},
		"bools":      &inference.InferTensorContents{BoolContents: make([]bool, n)},
		"ints":       &inference.InferTensorContents{IntContents: make([]int32, n)},
		"int64s":     &inference.InferTensorContents{Int64Contents: make([]int64, n)},
		"floats":     &inference.InferTensorContents{Fp32Contents: make([]float32, n)},
		"texts":      &inference.InferTensorContents{BytesContents: list(n, element)},
		"predict":    &modelserving.InferenceRequest{TensorData: make([]float32, n)},
	} {
		plan := decoded.PlanOf(m.ProtoReflect().Descriptor())
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		text, err := protojson.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		binary, err := plan.Binary(data, never)
		if err != nil {
			t.Fatal(err)
		}
		json, _, err := plan.JSON(text)
		if err != nil {
			t.Fatal(err)
		}
		into := m.ProtoReflect().New().Interface()
		if live := liveAfter(into, func() error { return proto.Unmarshal(data, into) }); binary.Memory < live-live/20 || binary.Memory > 4*live+1000 {
			t.Errorf("%s: binary: estimated %d, live %d", name, binary.Memory, live)
		}
		into = m.ProtoReflect().New().Interface()
		if live := liveAfter(into, func() error { return protojson.Unmarshal(text, into) }); json.Memory < live-live/20 || json.Memory > 6*live+1000 {
			t.Errorf("%s: JSON: estimated %d, live %d", name, json.Memory, live)
		}
		runtime.KeepAlive([]any{data, text, m})
	}
}

// liveAfter returns how many more bytes are live on the heap after f, which fills into.
func liveAfter(into proto.Message, f func() error) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if err := f(); err != nil {
		panic(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(into)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// Values that alias the encoding take no memory, those of nested messages do.
func TestLargeValuesAlias(t *testing.T) {
	t.Parallel()
	m := &inference.ModelInferRequest{
		RawInputContents: [][]byte{bytes.Repeat([]byte{1}, 5000), {1}},
		Inputs:           []*inferInput{{Contents: &inference.InferTensorContents{BytesContents: [][]byte{make([]byte, 6000)}}}},
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	e, err := decoded.PlanOf(m.ProtoReflect().Descriptor()).Binary(data, 4096)
	if err != nil || e.Aliased != 5000 || e.Memory < 6000 || e.Memory > 14_000 {
		t.Errorf("%+v, %v", e, err)
	}
}
