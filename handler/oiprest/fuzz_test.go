package oiprest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// fuzzTypes are the datatypes of the fuzzed models.
var fuzzTypes = []tensor.DataType{
	tensor.Bool, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64, tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64,
	tensor.FP16, tensor.BF16, tensor.FP32, tensor.FP64, tensor.Bytes,
}

// newFuzzREST returns the API over a model of each datatype, of any shape, and over two
// models with more inputs or a configuration; and their names.
func newFuzzREST(f *testing.F) (http.Handler, []string) {
	batches := infertest.Echo(tensor.FP32, -1, 2)
	batches.Labels, batches.Config = []string{"cat", "dog"}, &inference.ModelConfig{MaxBatchSize: 4}
	models := map[string]*infertest.Model{"two": infertest.Two(), "batches": batches}
	names := []string{"two", "batches"}
	for _, datatype := range fuzzTypes {
		models[datatype.String()] = infertest.Echo(datatype)
		names = append(names, datatype.String())
	}
	h, _ := handlertest.REST(f, models, handlertest.Options{MaxBodyBytes: 1 << 20})
	return h, names
}

// noHeader in the place of an offset leaves Inference-Header-Content-Length out.
const noHeader = math.MinInt8

// FuzzRESTInfer sends the body of an infer request: its JSON, the tensors after it, and
// a header with the JSON's length, off by offset. The answer is always
// one of the protocol, and what is taken comes back the same when it is sent again, as
// JSON and as bytes.
func FuzzRESTInfer(f *testing.F) {
	h, names := newFuzzREST(f)
	addRESTSeeds(f, names)
	f.Fuzz(func(t *testing.T, model, coding uint8, offset int8, text, tensors []byte) {
		name := names[int(model)%len(names)]
		content := slices.Concat(text, tensors)
		var headers []string
		if offset != noHeader {
			headers = []string{"Inference-Header-Content-Length", strconv.Itoa(len(text) + int(offset))}
		}
		switch coding % 5 { // the last two are sent as they are
		case 1, 2:
			encoding := []string{"gzip", "deflate"}[coding%5-1]
			content = compressed(t, encoding, content)
			headers = append(headers, "Content-Encoding", encoding)
		case 3, 4:
			headers = append(headers, "Content-Encoding", []string{"gzip", "deflate"}[coding%5-3])
		}
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/"+name+"/infer", content, headers...)
		if a.Status != http.StatusOK {
			failure := a.Failure(t)
			if !slices.Contains([]int{400, 413, 501, 503, 504}, a.Status) || !utf8.ValidString(failure) || len(failure) > 5000 {
				t.Errorf("%d %q", a.Status, failure)
			}
			return
		}
		result := readRESTAnswer(t, a)
		if result.ModelName != name || result.ModelVersion != "1" {
			t.Errorf("the answer is of %q, version %q", result.ModelName, result.ModelVersion)
		}
		if t.Failed() || len(a.Body) > 100_000 || !result.repeats(name) {
			return
		}
		if again := result.send(t, h, false); !bytes.Equal(again.Body, a.Body) {
			t.Errorf("%s\nsent again is answered with\n%s", a.Body, again.Body)
		}
		other := result.send(t, h, true)
		if other.Status != http.StatusOK {
			other.Failure(t) // some values have no JSON
			return
		}
		if bytes.Contains(other.Body, []byte("NaN")) {
			return // the bits of a NaN are lost
		}
		if back := readRESTAnswer(t, other).send(t, h, true); !bytes.Equal(back.Body, a.Body) {
			t.Errorf("%s\nas %s comes back as\n%s", a.Body, other.Body, back.Body)
		}
	})
}

// restResult is an answer as encoding/json reads it.
type restResult struct {
	ModelName    string       `json:"model_name"`
	ModelVersion string       `json:"model_version"`
	ID           string       `json:"id"`
	Outputs      []restOutput `json:"outputs"`
}

type restOutput struct {
	Name, Datatype string
	Shape          []int64
	Parameters     *struct {
		Size *int64 `json:"binary_data_size"`
	}
	Data []json.RawMessage

	raw []byte
}

var nonFinite = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|NaN|-?Infinity`)

// quoteNonFinite returns an answer with NaN and the infinities as strings, for encoding/json.
func quoteNonFinite(text string) string {
	return nonFinite.ReplaceAllStringFunc(text, func(found string) string {
		if found[0] == '"' {
			return found
		}
		return strconv.Quote(found)
	})
}

// readRESTAnswer reads an answer, and fails the test where it is inconsistent.
func readRESTAnswer(t *testing.T, a handlertest.Answer) *restResult {
	t.Helper()
	text, tensors := a.Split(t)
	text = quoteNonFinite(text)
	result := &restResult{}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(result); err != nil || decoder.More() {
		t.Fatalf("%s: %v", text, err)
	}
	for i := range result.Outputs {
		out := &result.Outputs[i]
		datatype, err := tensor.ParseDataType(out.Datatype)
		if err != nil {
			t.Fatal(err)
		}
		elements, err := tensor.Shape(out.Shape).Elements()
		switch {
		case err != nil:
			t.Errorf("output %q: %v", out.Name, err)
		case out.Parameters == nil && int64(len(out.Data)) != elements:
			t.Errorf("output %q of %v has %d values", out.Name, out.Shape, len(out.Data))
		case out.Parameters != nil && (out.Data != nil || out.Parameters.Size == nil || *out.Parameters.Size > int64(len(tensors))):
			t.Fatalf("%s, and %d bytes are left", text, len(tensors))
		case out.Parameters != nil:
			out.raw, tensors = tensors[:*out.Parameters.Size], tensors[*out.Parameters.Size:]
			if err := (&tensor.Tensor{DataType: datatype, Shape: out.Shape, Data: out.raw}).Validate(); err != nil {
				t.Errorf("output %q: %v", out.Name, err)
			}
		}
	}
	if len(tensors) > 0 {
		t.Errorf("%s, and %d bytes more", text, len(tensors))
	}
	return result
}

// repeats reports whether the answer has all outputs of the model as they were sent:
// not classes of them.
func (r *restResult) repeats(model string) bool {
	want := map[string]string{"y": model}
	switch model {
	case "two":
		want = map[string]string{"c": "FP32", "d": "INT64"}
	case "batches":
		want = map[string]string{"y": "FP32"}
	}
	for _, out := range r.Outputs {
		if want[out.Name] != out.Datatype {
			return false
		}
		delete(want, out.Name)
	}
	return len(want) == 0
}

// send asks the model for the answer again, giving it the outputs as inputs. The
// answer has its outputs where r has them, after the JSON or in it; or the reverse.
func (r *restResult) send(t *testing.T, h http.Handler, reverse bool) handlertest.Answer {
	t.Helper()
	inputs := map[string]string{"y": "x", "c": "a", "d": "b"}
	var in, out []string
	var tensors []byte
	for _, o := range r.Outputs {
		elements := fmt.Sprintf(`"parameters":{"binary_data_size":%d}`, len(o.raw))
		if o.Parameters == nil {
			data, err := json.Marshal(o.Data)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(o.Datatype, "FP") || o.Datatype == "BF16" {
				data = bytes.ReplaceAll(data, []byte(`"`), nil) // of quoteNonFinite
			}
			elements = `"data":` + string(data)
		}
		shape, err := json.Marshal(o.Shape)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, fmt.Sprintf(`{"name":%q,"datatype":%q,"shape":%s,%s}`, inputs[o.Name], o.Datatype, shape, elements))
		out = append(out, fmt.Sprintf(`{"name":%q,"parameters":{"binary_data":%t}}`, o.Name, (o.Parameters != nil) != reverse))
		tensors = append(tensors, o.raw...)
	}
	id, err := json.Marshal(r.ID)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"id":%s,"inputs":[%s],"outputs":[%s]}`, id, strings.Join(in, ","), strings.Join(out, ","))
	return handlertest.Send(t, h, http.MethodPost, "/v2/models/"+r.ModelName+"/infer", append([]byte(text), tensors...), "Inference-Header-Content-Length", strconv.Itoa(len(text)))
}

// addRESTSeeds adds a request of each form; testdata has inputs with distinct coverage
// that a fuzzer found.
func addRESTSeeds(f *testing.F, names []string) {
	f.Helper()
	for i, name := range names {
		datatype, data, size := name, `[[1],[0]]`, 8
		switch name {
		case "two", "batches":
			datatype, data = "FP32", `[1,0]`
		case "FP16", "BF16", "FP64":
			data = `[[[NaN],[-Infinity]]]`
		case "BYTES":
			data = `["a\u0000é",""]`
		}
		if d, err := tensor.ParseDataType(name); err == nil && d != tensor.Bytes {
			size = 2 * d.Size()
		}
		head := fmt.Sprintf(`{"name":"x","datatype":%q,"shape":[2,1]`, datatype)
		f.Add(uint8(i), uint8(0), int8(noHeader), fmt.Appendf(nil, `{"inputs":[%s,"data":%s}]}`, head, data), []byte(nil))
		f.Add(uint8(i), uint8(i%3), int8(0), fmt.Appendf(nil, `{"id":"é","parameters":{"binary_data_output":true},"inputs":[%s,"parameters":{"binary_data_size":%d}}]}`, head, size), make([]byte, size))
		f.Add(uint8(i), uint8(0), int8(0), []byte(nil), make([]byte, size))
	}
	f.Add(uint8(0), uint8(0), int8(0), []byte(`{"outputs":[{"name":"d"},{"name":"c","parameters":{"binary_data":true}}],"inputs":[{"name":"b","datatype":"INT64","shape":[1],"data":[7]},{"name":"a","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}}]}`), make([]byte, 8))
	f.Add(uint8(1), uint8(0), int8(0), []byte(`{"outputs":[{"name":"y","parameters":{"classification":1}}],"inputs":[{"data":[[-0,1e-5]],"shape":[1,2],"datatype":"FP32","name":"x"}]}`), []byte(nil))
	f.Add(uint8(1), uint8(3), int8(5), []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[4611686018427387904,4],"parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}}]}`), []byte("\x1f\x8b"))
}
