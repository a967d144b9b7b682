package oiprest_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// TestRESTBadRequests wants an error in the protocol's form that names the tensor.
func TestRESTBadRequests(t *testing.T) {
	batches := infertest.Echo(tensor.FP32, -1, 2)
	batches.Config = &inference.ModelConfig{MaxBatchSize: 2}
	broken := infertest.Echo(tensor.FP32, -1)
	broken.Compute = func(context.Context, []tensor.Tensor) (*engine.Result, error) { return nil, errors.New("secret") }
	h, _ := handlertest.REST(t, map[string]*infertest.Model{
		"m": infertest.Echo(tensor.FP32, -1, 2), "two": infertest.Two(), "strings": infertest.Echo(tensor.Bytes, -1), "halves": infertest.Echo(tensor.FP16, -1),
		"bytes": infertest.Echo(tensor.Uint8, -1), "flags": infertest.Echo(tensor.Bool, -1), "batches": batches, "broken": broken, "any": infertest.Echo(tensor.FP32),
	}, handlertest.Options{MaxBodyBytes: 1 << 20})
	x := func(rest string) string { return `{"inputs":[{"name":"x",` + rest + `}]}` }
	fp32 := func(rest string) string { return x(`"datatype":"FP32",` + rest) }
	for name, test := range map[string]struct {
		model, text string
		tensors     int // bytes after the JSON
		status      int
		says        []string
	}{
		"no body":                      {"m", ``, 0, 400, []string{"body", "empty"}},
		"not an object":                {"m", `[1]`, 0, 400, []string{"body", "an object"}},
		"cut off":                      {"m", fp32(`"shape":[1,2],"data":[1,`)[:63], 0, 400, []string{`input "x"`, "line 1"}},
		"behind its end":               {"m", fp32(`"shape":[1,2],"data":[1,2]`) + "x", 0, 400, []string{"body", "line 1", "column"}},
		"a second line":                {"m", "{\n \"inputs\": [,]}", 0, 400, []string{"line 2, column 13"}},
		"a key twice":                  {"m", `{"id":"a","id":"b"}`, 0, 400, []string{"id", "duplicate key"}},
		"bad UTF-8":                    {"m", "{\"id\":\"\xff\"}", 0, 400, []string{"id", "UTF-8"}},
		"an id that is a number":       {"m", `{"id":5}`, 0, 400, []string{"id", "a string"}},
		"inputs that are no list":      {"m", `{"inputs":{}}`, 0, 400, []string{"inputs", "an array"}},
		"an input that is no object":   {"m", `{"inputs":[5]}`, 0, 400, []string{"inputs[0]", "an object"}},
		"nested too deep":              {"m", `{"x":` + strings.Repeat("[", 100_000) + `}`, 0, 400, []string{"deep"}},
		"no inputs":                    {"m", `{}`, 0, 400, []string{`input "x" is missing`}},
		"no name":                      {"m", `{"inputs":[{"datatype":"FP32","shape":[1],"data":[1]}]}`, 0, 400, []string{"inputs[0]", "name"}},
		"no datatype":                  {"m", x(`"shape":[1,2],"data":[1,2]`), 0, 400, []string{`"x"`, "datatype"}},
		"no shape":                     {"m", fp32(`"data":[1,2]`), 0, 400, []string{`"x"`, "shape"}},
		"no elements":                  {"m", fp32(`"shape":[1,2]`), 0, 400, []string{`"x"`, "data"}},
		"unknown datatype":             {"m", x(`"datatype":"FP33","shape":[1,2],"data":[1,2]`), 0, 400, []string{`"x"`, `"FP33"`}},
		"unknown input":                {"m", `{"inputs":[{"name":"z","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`, 0, 400, []string{`"z"`, `"x"`}},
		"missing input":                {"two", `{"inputs":[{"name":"a","datatype":"FP32","shape":[1],"data":[1]}]}`, 0, 400, []string{`"b"`, "missing"}},
		"an input twice":               {"m", `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]},{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`, 0, 400, []string{`"x"`, "twice"}},
		"unknown output":               {"m", `{"outputs":[{"name":"z"}],"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`, 0, 400, []string{`output "z"`, `"y"`}},
		"an output without a name":     {"m", `{"outputs":[{}]}`, 0, 400, []string{"outputs[0]", "name"}},
		"wrong datatype":               {"m", x(`"datatype":"FP64","shape":[1,2],"data":[1,2]`), 0, 400, []string{`"x"`, "FP64", "FP32"}},
		"wrong rank":                   {"m", fp32(`"shape":[2],"data":[1,2]`), 0, 400, []string{`"x"`, "[2]", "[-1, 2]"}},
		"wrong size":                   {"m", fp32(`"shape":[1,3],"data":[1,2,3]`), 0, 400, []string{`"x"`, "[1, 3]", "[-1, 2]"}},
		"too few values":               {"m", fp32(`"shape":[2,2],"data":[1,2,3]`), 0, 400, []string{`"x"`, "data", "3", "4"}},
		"too many values":              {"m", fp32(`"shape":[1,2],"data":[1,2,3]`), 0, 400, []string{`"x"`, "data"}},
		"ragged":                       {"m", fp32(`"shape":[2,2],"data":[[1,2],[3]]`), 0, 400, []string{`"x"`, "3 values", "needs 4", "inputs[0].data[1] has 1 entry"}},
		"a column too many":            {"m", fp32(`"shape":[2,2],"data":[[1,2,3],[4,5,6]]`), 0, 400, []string{`"x"`, "6 values", "needs 4", "inputs[0].data[0] has 3 entries"}},
		"a value for an array":         {"m", fp32(`"shape":[1,2],"data":1`), 0, 400, []string{`"x"`, "data", "array"}},
		"a string for a number":        {"m", fp32(`"shape":[1,2],"data":[1,"2"]`), 0, 400, []string{`"x"`, "data[1]"}},
		"NaN for an integer":           {"bytes", x(`"datatype":"UINT8","shape":[2],"data":[[1],[NaN]]`), 0, 400, []string{`"x"`, "data[1][0]", "NaN", "whole"}},
		"nan":                          {"m", fp32(`"shape":[1,2],"data":[1,nan]`), 0, 400, []string{`"x"`, "data[1]", "nan", "write NaN"}},
		"null for a number":            {"m", fp32(`"shape":[1,2],"data":[[1,null]]`), 0, 400, []string{`"x"`, "data[0][1]", "null", "JavaScript", "write NaN"}},
		"numpy's name of a datatype":   {"m", x(`"datatype":"float32","shape":[1,2],"data":[1,2]`), 0, 400, []string{`"x"`, `"float32"`, "write FP32"}},
		"a datatype in lower case":     {"m", x(`"datatype":"fp32","shape":[1,2],"data":[1,2]`), 0, 400, []string{`"x"`, `"fp32"`, "write FP32"}},
		"too large a number":           {"m", fp32(`"shape":[1,2],"data":[1,1e39]`), 0, 400, []string{`"x"`, "data[1]", "1e39"}},
		"too large a half":             {"halves", x(`"datatype":"FP16","shape":[1],"data":[65520]`), 0, 400, []string{`"x"`, "data[0]", "65520"}},
		"a fraction for an integer":    {"bytes", x(`"datatype":"UINT8","shape":[1],"data":[1.5]`), 0, 400, []string{`"x"`, "data[0]", "1.5"}},
		"past the integer's range":     {"bytes", x(`"datatype":"UINT8","shape":[2],"data":[1,256]`), 0, 400, []string{`"x"`, "data[1]", "256"}},
		"two for a truth":              {"flags", x(`"datatype":"BOOL","shape":[1],"data":[2]`), 0, 400, []string{`"x"`, "data[0]"}},
		"negative shape":               {"m", fp32(`"shape":[-1,2],"data":[1,2]`), 0, 400, []string{`"x"`, "negative"}},
		"a shape that overflows":       {"any", fp32(`"shape":[4611686018427387904,4],"data":[1,2]`), 0, 400, []string{`"x"`, "overflow"}},
		"a shape that wraps":           {"any", fp32(`"shape":[3,6148914691236517207],"parameters":{"binary_data_size":20}`), 20, 400, []string{`"x"`, "overflow"}},
		"a huge shape":                 {"any", fp32(`"shape":[1099511627776],"data":[1,2]`), 0, 400, []string{`"x"`, "data"}},
		"a shape of many dimensions":   {"any", fp32(`"shape":[` + strings.Repeat("1,", 1000) + `1],"data":[1]`), 0, 400, []string{`"x"`, "dimensions"}},
		"a fraction in the shape":      {"m", fp32(`"shape":[1.5,2],"data":[1,2,3]`), 0, 400, []string{`"x"`, "shape[0]", "1.5"}},
		"too few bytes":                {"m", fp32(`"shape":[1,2],"parameters":{"binary_data_size":8}`), 7, 400, []string{`"x"`, "binary_data_size", "8", "7"}},
		"bytes that disagree":          {"m", fp32(`"shape":[1,2],"parameters":{"binary_data_size":12}`), 12, 400, []string{`"x"`, "8", "12"}},
		"bytes that are left":          {"m", fp32(`"shape":[1,2],"parameters":{"binary_data_size":8}`), 9, 400, []string{"1 bytes", "binary_data_size"}},
		"bytes without their size":     {"m", fp32(`"shape":[1,2],"data":[1,2]`), 8, 400, []string{"8 bytes", "binary_data_size"}},
		"a size that is none":          {"m", fp32(`"shape":[1,2],"parameters":{"binary_data_size":"8"}`), 8, 400, []string{`"x"`, "binary_data_size"}},
		"a negative size":              {"m", fp32(`"shape":[1,2],"parameters":{"binary_data_size":-8}`), 8, 400, []string{`"x"`, "binary_data_size", "-8"}},
		"a size that overflows":        {"m", fp32(`"shape":[1,2],"parameters":{"binary_data_size":18446744073709551615}`), 8, 400, []string{`"x"`, "binary_data_size"}},
		"data and bytes":               {"m", fp32(`"shape":[1,2],"data":[1,2],"parameters":{"binary_data_size":8}`), 8, 400, []string{`"x"`, "data", "binary_data_size"}},
		"a length past the end":        {"strings", x(`"datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}`), 5, 400, []string{`"x"`, "element 0"}},
		"an element that is no string": {"strings", x(`"datatype":"BYTES","shape":[1],"data":[5]`), 0, 400, []string{`"x"`, "data[0]"}},
		"shared memory that is off":    {"m", fp32(`"shape":[1,2],"parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}`), 0, 501, []string{`"x"`, "(allow-shared-memory)"}},
		"a region of no name":          {"m", fp32(`"shape":[1,2],"parameters":{"shared_memory_region":5,"shared_memory_byte_size":8}`), 0, 400, []string{`"x"`, "shared_memory_region"}},
		"binary that is no truth":      {"m", `{"outputs":[{"name":"y","parameters":{"binary_data":1}}],"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`, 0, 400, []string{`output "y"`, "binary_data"}},
		"binary of all that is none":   {"m", `{"parameters":{"binary_data_output":"yes"}}`, 0, 400, []string{"binary_data_output"}},
		"behind JSON and shared":       {"m", `{"outputs":[{"name":"y","parameters":{"binary_data":true,"shared_memory_region":"r","shared_memory_byte_size":8}}],"inputs":[]}`, 0, 400, []string{`output "y"`, "shared memory"}},
		"no classes":                   {"m", `{"outputs":[{"name":"y","parameters":{"classification":0}}]}`, 0, 400, []string{`output "y"`, "classification"}},
		"classes that are no number":   {"m", `{"outputs":[{"name":"y","parameters":{"classification":[1]}}]}`, 0, 400, []string{`output "y"`, "classification", "an array"}},
		"a priority that is none":      {"m", `{"parameters":{"priority":-1}}`, 0, 400, []string{"priority", "-1"}},
		"a timeout that is none":       {"m", `{"parameters":{"timeout":1.5}}`, 0, 400, []string{"timeout", "1.5"}},
		"a reserved parameter":         {"m", `{"parameters":{"triton_x":1}}`, 0, 400, []string{"triton_x"}},
		"a batch too large":            {"batches", fp32(`"shape":[3,2],"data":[1,2,3,4,5,6]`), 0, 400, []string{`"x"`, "3", "max_batch_size"}},
		"unknown model":                {"nobody", fp32(`"shape":[1,2],"data":[1,2]`), 0, 404, []string{"Request for unknown model", `"nobody"`}},
		"a path for a name":            {"..%2F..%2Fetc%2Fpasswd", fp32(`"shape":[1,2],"data":[1,2]`), 0, 404, []string{"Request for unknown model"}},
		"many inputs":                  {"m", `{"inputs":[` + strings.Repeat(`{"name":"x","datatype":"FP32","shape":[0],"data":[]},`, 5000) + `5]}`, 0, 400, []string{"inputs", "4096"}},
		"many members":                 {"m", `{` + manyMembers(5000) + `}`, 0, 400, []string{"4096"}},
		"many parameters":              {"m", `{"parameters":{` + manyMembers(5000) + `}}`, 0, 400, []string{"parameters", "4096"}},
		"many parameters together":     {"m", `{"outputs":[` + strings.Repeat(`{"name":"y","parameters":{`+manyMembers(4000)+`}},`, 5) + `5]}`, 0, 400, []string{"16384", "together"}},
		"a model that fails":           {"broken", fp32(`"shape":[1],"data":[1]`), 0, 500, []string{"log"}},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if test.tensors > 0 {
				headers = []string{"Inference-Header-Content-Length", strconv.Itoa(len(test.text))}
			}
			body := append([]byte(test.text), strings.Repeat("\xff", test.tensors)...)
			a := handlertest.Send(t, h, http.MethodPost, "/v2/models/"+test.model+"/infer", body, headers...)
			text := a.Failure(t)
			if a.Status != test.status {
				t.Errorf("status %d, want %d: %s", a.Status, test.status, text)
			}
			for _, part := range test.says {
				if !strings.Contains(text, part) {
					t.Errorf("it does not say %q: %s", part, text)
				}
			}
			if strings.Contains(text, "secret") || len(text) > 1000 {
				t.Errorf("it says too much: %s", text)
			}
		})
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"k` + strconv.Itoa(i) + `":0,`)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func TestRESTBadHeaders(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{MaxBodyBytes: 1000})
	text := []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`)
	for name, test := range map[string]struct {
		headers []string
		body    []byte
		status  int
		says    []string
	}{
		"length past the body":   {[]string{"Inference-Header-Content-Length", "67"}, text, 400, []string{"67", "66 bytes"}},
		"length that is none":    {[]string{"Inference-Header-Content-Length", "many"}, text, 400, []string{`"many"`}},
		"negative length":        {[]string{"Inference-Header-Content-Length", "-1"}, text, 400, []string{`"-1"`}},
		"length that overflows":  {[]string{"Inference-Header-Content-Length", "18446744073709551616"}, text, 400, []string{"18446744073709551616"}},
		"empty length":           {[]string{"Inference-Header-Content-Length", ""}, text, 400, []string{`""`}},
		"two lengths":            {[]string{"Inference-Header-Content-Length", "66", "Inference-Header-Content-Length", "10"}, text, 400, []string{"66, 10"}},
		"length within the JSON": {[]string{"Inference-Header-Content-Length", "20"}, text, 400, []string{"line 1", "column"}},
		"unknown encoding":       {[]string{"Content-Encoding", "br"}, text, 415, []string{`"br"`, "gzip, deflate"}},
		"two encodings":          {[]string{"Content-Encoding", "gzip, gzip"}, text, 415, []string{`"gzip, gzip"`}},
		"not gzip":               {[]string{"Content-Encoding", "gzip"}, text, 400, []string{"gzip", "decompress"}},
		"not deflate":            {[]string{"Content-Encoding", "deflate"}, text, 400, []string{"deflate", "decompress"}},
		"nothing for deflate":    {[]string{"Content-Encoding", "deflate"}, nil, 400, []string{"deflate"}},
		"too large":              {nil, make([]byte, 1001), 413, []string{"1000", "(max-message-bytes)"}},
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", test.body, test.headers...)
		failure := a.Failure(t)
		for _, part := range test.says {
			if a.Status != test.status || !strings.Contains(failure, part) {
				t.Errorf("%s: %d %s, want %d and %q", name, a.Status, failure, test.status, part)
			}
		}
		if (a.Status == 415) != (a.Header.Get("Accept-Encoding") == "gzip, deflate") {
			t.Errorf("%s: Accept-Encoding is %q", name, a.Header.Get("Accept-Encoding"))
		}
	}
}
