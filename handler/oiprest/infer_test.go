package oiprest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// TestRESTCarriesEveryDatatype sends two elements as JSON, nested and flat, and as
// bytes, and wants them back as each.
func TestRESTCarriesEveryDatatype(t *testing.T) {
	for datatype, test := range map[tensor.DataType]struct {
		text string
		raw  []byte
	}{
		tensor.Bool:   {`[true,false]`, []byte{1, 0}},
		tensor.Int8:   {`[-128,127]`, tensor.AsBytes([]int8{-128, 127})},
		tensor.Int16:  {`[-32768,32767]`, tensor.AsBytes([]int16{-32768, 32767})},
		tensor.Int32:  {`[-2147483648,2147483647]`, tensor.AsBytes([]int32{-1 << 31, 1<<31 - 1})},
		tensor.Int64:  {`[-9223372036854775808,9223372036854775807]`, tensor.AsBytes([]int64{-1 << 63, 1<<63 - 1})},
		tensor.Uint8:  {`[0,255]`, []byte{0, 255}},
		tensor.Uint16: {`[0,65535]`, tensor.AsBytes([]uint16{0, 65535})},
		tensor.Uint32: {`[0,4294967295]`, tensor.AsBytes([]uint32{0, 1<<32 - 1})},
		tensor.Uint64: {`[0,18446744073709551615]`, tensor.AsBytes([]uint64{0, 1<<64 - 1})},
		tensor.FP16:   {`[1.5,-0.1]`, tensor.AsBytes([]uint16{0x3e00, 0xae66})},
		tensor.BF16:   {`[1.5,-0.1]`, tensor.AsBytes([]uint16{0x3fc0, 0xbdcd})},
		tensor.FP32:   {`[1.5,-0.1]`, tensor.AsBytes([]float32{1.5, -0.1})},
		tensor.FP64:   {`[1.5,-0.1]`, tensor.AsBytes([]float64{1.5, -0.1})},
		tensor.Bytes:  {`["a\u0000\"é","` + `"]`, handlertest.Elements("a\x00\"é", "")},
	} {
		t.Run(datatype.String(), func(t *testing.T) {
			h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(datatype, -1, 2)}, handlertest.Options{})
			asJSON := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":%q,"shape":[1,2],"data":%%s}]%%s}`, datatype)
			asBytes := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":%q,"shape":[1,2],"parameters":{"binary_data_size":%d}}]%%s}`, datatype, len(test.raw))
			for _, wanted := range []string{``, `,"parameters":{"binary_data_output":true}`, `,"outputs":[{"name":"y","parameters":{"binary_data":true}}]`} {
				for _, a := range []handlertest.Answer{
					handlertest.Infer(t, h, fmt.Sprintf(asJSON, test.text, wanted), nil),
					handlertest.Infer(t, h, fmt.Sprintf(asJSON, "["+test.text+"]", wanted), nil),
					handlertest.Infer(t, h, fmt.Sprintf(asBytes, wanted), test.raw),
				} {
					text, tensors := a.Split(t)
					want := fmt.Sprintf(`{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":%q,"shape":[1,2],"data":%s}]}`, datatype, test.text)
					contentType := "application/json"
					if wanted != "" {
						want = fmt.Sprintf(`{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":%q,"shape":[1,2],"parameters":{"binary_data_size":%d}}]}`, datatype, len(test.raw))
						contentType = "application/octet-stream"
					}
					if a.Status != http.StatusOK || text != want || a.Header.Get("Content-Type") != contentType {
						t.Errorf("%q: %d %v\n%s\n%s", wanted, a.Status, a.Header, text, want)
					}
					if wanted != "" && !bytes.Equal(tensors, test.raw) || wanted == "" && len(tensors) > 0 {
						t.Errorf("%q: tensors %x, want %x", wanted, tensors, test.raw)
					}
				}
			}
		})
	}
}

// TestRESTReadsWhatClientsWrite sends one request in the forms of existing clients.
func TestRESTReadsWhatClientsWrite(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1, 2)}, handlertest.Options{})
	const data = `[1, -2.5e0]`
	for name, text := range map[string]string{
		"data first":          `{"inputs":[{"data":` + data + `,"shape":[1,2],"datatype":"FP32","name":"x"}]}`,
		"parameters last":     `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":` + data + `,"parameters":{"content_type":"np","headers":{"a":[1]}}}]}`,
		"nulls":               `{"id":null,"parameters":null,"outputs":null,"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":null,"data":` + data + `}]}`,
		"kserve":              `{"id":"","model_name":"other","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":` + data + `}],"parameters":{"headers":{"x":"y"}}}`,
		"custom parameters":   `{"parameters":{"mine":1.5,"his":"x","sequence_id":3,"sequence_start":true,"priority":1,"timeout":60000000,"triton_enable_empty_final_response":false},"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":` + data + `}]}`,
		"no outputs named":    `{"outputs":[],"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":` + data + `}]}`,
		"output overrules":    `{"parameters":{"binary_data_output":true},"outputs":[{"name":"y","parameters":{"binary_data":false}}],"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":` + data + `}]}`,
		"whitespace":          " {\n\t\"inputs\" : [ { \"name\" : \"x\" , \"shape\" : [ 1 , 2 ] , \"datatype\" : \"FP32\" , \"data\" : [ [ 1.0 , -2.5 ] ] } ] } \r\n",
		"escapes in names":    `{"in\u0070uts":[{"name":"\u0078","shape":[1,2],"datatype":"FP32","data":` + data + `}]}`,
		"a header as long":    `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":` + data + `}]}`,
		"integers and floats": `{"inputs":[{"name":"x","shape":[1.0,2],"datatype":"FP32","data":[1e0,-25E-1]}]}`,
	} {
		var headers []string
		if name == "a header as long" { // the C++ client sends it always
			headers = []string{"Inference-Header-Content-Length", strconv.Itoa(len(text))}
		}
		a := handlertest.Infer(t, h, text, nil, append(headers, "Content-Type", "application/octet-stream")...)
		if want := `{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[1,-2.5]}]}`; string(a.Body) != want {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

func TestRESTAnswersAreGolden(t *testing.T) {
	classes := infertest.Echo(tensor.FP32, -1, 3)
	classes.Labels, classes.Config = []string{"cat", "dog", "eel"}, &inference.ModelConfig{MaxBatchSize: 4}
	models := map[string]*infertest.Model{"m": infertest.Two(), "classes": classes, "scalar": infertest.Echo(tensor.Int64), "strings": infertest.Echo(tensor.Bytes, -1)}
	h, _ := handlertest.REST(t, models, handlertest.Options{})
	both := `"inputs":[{"name":"b","datatype":"INT64","shape":[1],"data":[7]},{"name":"a","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}}]`
	for name, test := range map[string]struct {
		model, text string
		tensors     []byte
	}{
		"infer":               {"m", `{"id":"an \"id\"",` + both + `}`, tensor.AsBytes([]float32{1, 2})},
		"infer outputs":       {"m", `{"outputs":[{"name":"d"},{"name":"c"}],` + both + `}`, tensor.AsBytes([]float32{1, 2})},
		"infer mixed outputs": {"m", `{"outputs":[{"name":"d","parameters":{"binary_data":true}},{"name":"c","parameters":{"binary_data":false}}],` + both + `}`, tensor.AsBytes([]float32{1, 2})},
		"infer all behind":    {"m", `{"parameters":{"binary_data_output":true},` + both + `}`, tensor.AsBytes([]float32{1, 2})},
		"infer nothing":       {"m", `{"parameters":{"binary_data_output":true},"inputs":[{"name":"a","datatype":"FP32","shape":[0],"data":[]},{"name":"b","datatype":"INT64","shape":[0],"parameters":{"binary_data_size":0}}]}`, []byte{}},
		"infer scalar":        {"scalar", `{"inputs":[{"name":"x","datatype":"INT64","shape":[],"data":-5}]}`, nil},
		"infer strings":       {"strings", `{"inputs":[{"name":"x","datatype":"BYTES","shape":[3],"data":["he\u0000llo","<\"&\\\n>","\ud83d\ude00"]}]}`, nil},
		"infer classes":       {"classes", `{"outputs":[{"name":"y","parameters":{"classification":2}}],"inputs":[{"name":"x","datatype":"FP32","shape":[2,3],"data":[0.1,0.7,0.2,1,2,3]}]}`, nil},
		"infer classes raw":   {"classes", `{"outputs":[{"name":"y","parameters":{"classification":1,"binary_data":true}}],"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[0.1,0.7,0.2]}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if test.tensors != nil {
				headers = []string{"Inference-Header-Content-Length", strconv.Itoa(len(test.text))}
			}
			handlertest.Send(t, h, http.MethodPost, "/v2/models/"+test.model+"/infer", append([]byte(test.text), test.tensors...), headers...).Golden(t, name)
		})
	}
}

// TestRESTInferOfVersions asks for a version in the path, and counts what it served.
func TestRESTInferOfVersions(t *testing.T) {
	m := infertest.Echo(tensor.FP32, -1)
	m.Versions = []string{"1", "3"}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	text := []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`)
	for path, version := range map[string]string{"/v2/models/m/infer": "3", "/v2/models/m/versions/1/infer": "1", "/v2/models/m/versions/3/infer": "3"} {
		a := handlertest.Send(t, h, http.MethodPost, path, text)
		if !strings.Contains(string(a.Body), `"model_version":"`+version+`"`) {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	var stats struct {
		ModelStats []struct {
			Version        string
			InferenceCount int `json:"inference_count"`
		} `json:"model_stats"`
	}
	a := handlertest.Send(t, h, http.MethodGet, "/v2/models/m/stats", nil)
	if err := json.Unmarshal(a.Body, &stats); err != nil || len(stats.ModelStats) != 2 || stats.ModelStats[0].InferenceCount != 1 || stats.ModelStats[1].InferenceCount != 2 {
		t.Errorf("%v: %s", err, a.Body)
	}
}

// TestABodyThatIsOneTensor is the protocol's raw binary request.
func TestABodyThatIsOneTensor(t *testing.T) {
	batches := infertest.Echo(tensor.FP32, -1, 2)
	batches.Config = &inference.ModelConfig{MaxBatchSize: 8}
	images := infertest.Echo(tensor.Uint8, -1, -1, 3)
	scalar := infertest.Echo(tensor.FP64)
	scalar.Inputs[0].Shape = tensor.Shape{}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{
		"rows": infertest.Echo(tensor.FP32, -1, 2), "fixed": infertest.Echo(tensor.FP32, 2), "batches": batches, "images": images, "scalar": scalar,
		"string": infertest.Echo(tensor.Bytes, -1, 1), "strings": infertest.Echo(tensor.Bytes, 2), "two": infertest.Two(), "any": infertest.Echo(tensor.FP32), "open": infertest.Echo(tensor.FP32, 2, -1, -1),
	}, handlertest.Options{})
	for _, test := range []struct {
		model string
		body  []byte
		shape string
	}{
		{"rows", make([]byte, 24), "[3,2]"},
		{"rows", nil, "[0,2]"},
		{"fixed", make([]byte, 8), "[2]"},
		{"batches", make([]byte, 8), "[1,2]"},
		{"images", make([]byte, 12), "[1,4,3]"},
		{"scalar", make([]byte, 8), "[]"},
		{"string", []byte("hello"), "[1,1]"},
		{"string", nil, "[1,1]"},
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/"+test.model+"/infer", test.body, "Inference-Header-Content-Length", "0")
		text, tensors := a.Split(t)
		want := test.body
		if test.model == "string" {
			want = handlertest.Elements(string(test.body))
		}
		if a.Status != http.StatusOK || !strings.Contains(text, `"shape":`+test.shape) || !strings.Contains(text, `"binary_data_size"`) || !bytes.Equal(tensors, want) {
			t.Errorf("%s of %d bytes: %d %s %x", test.model, len(test.body), a.Status, text, tensors)
		}
	}
	for _, test := range []struct {
		model  string
		size   int
		status int
		says   []string
	}{
		{"rows", 12, 400, []string{`"x"`, "multiple of 8", "12"}},
		{"fixed", 12, 400, []string{`"x"`, "8 bytes", "12"}},
		{"batches", 16, 400, []string{`"x"`, "16"}},
		{"strings", 2, 400, []string{`"x"`, "BYTES", "one element"}},
		{"two", 8, 400, []string{"2 inputs", `"a", "b"`}},
		{"any", 8, 400, []string{`"x"`, "any rank"}},
		{"open", 8, 400, []string{`"x"`, "[2, -1, -1]"}},
		{"nobody", 8, 404, []string{"Request for unknown model"}},
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/"+test.model+"/infer", make([]byte, test.size), "Inference-Header-Content-Length", "0")
		text := a.Failure(t)
		for _, part := range test.says {
			if a.Status != test.status || !strings.Contains(text, part) {
				t.Errorf("%s: %d %s, want %d and %q", test.model, a.Status, text, test.status, part)
			}
		}
	}
}

// TestTensorsAfterJSONAreNotCopied checks the address of the model's input: the
// engine copies what is not aligned, so the body is put where the tensor is.
func TestTensorsAfterJSONAreNotCopied(t *testing.T) {
	m := infertest.Echo(tensor.FP64, -1)
	var at uintptr
	m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		at = uintptr(unsafe.Pointer(unsafe.SliceData(inputs[0].Data)))
		return &engine.Result{Outputs: inputs}, nil
	}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	for padding := range 8 {
		text := `{"inputs":[{"name":"x","datatype":"FP64","shape":[2],"parameters":{"binary_data_size":16}}]}` + strings.Repeat(" ", padding)
		a := handlertest.Infer(t, h, text, tensor.AsBytes([]float64{1, 2}))
		if a.Status != http.StatusOK || !strings.Contains(string(a.Body), "[1,2]") || at%8 != 0 {
			t.Errorf("a JSON of %d bytes: the input is at %#x: %s", len(text), at, a.Body)
		}
	}
}

func TestStringsWithoutJSONFormNeedBinaryData(t *testing.T) {
	raw := handlertest.Elements("a", "\xff")
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.Bytes, 2)}, handlertest.Options{})
	text := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":%d}}]}`, len(raw))
	a := handlertest.Infer(t, h, text, raw)
	failure := a.Failure(t)
	for _, part := range []string{`"y"`, "element 1", "UTF-8", "binary_data"} {
		if a.Status != http.StatusBadRequest || !strings.Contains(failure, part) {
			t.Errorf("%d %s does not say %s", a.Status, failure, part)
		}
	}
	if a := handlertest.Infer(t, h, strings.TrimSuffix(text, "}")+`,"parameters":{"binary_data_output":true}}`, raw); a.Status != http.StatusOK || !bytes.HasSuffix(a.Body, raw) {
		t.Errorf("%d %q", a.Status, a.Body)
	}
}
