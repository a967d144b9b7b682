package interop_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// elements maps the protocol's datatypes to ONNX's TensorProto.DataType.
var elements = map[string]int{
	"FP32": 1, "UINT8": 2, "INT8": 3, "UINT16": 4, "INT16": 5, "INT32": 6, "INT64": 7, "BYTES": 8,
	"BOOL": 9, "FP16": 10, "FP64": 11, "UINT32": 12, "UINT64": 13, "BF16": 16,
}

// brokenModel fails to load.
const brokenModel = "broken"

// writeRepository writes the models for the clients and returns their directory.
func writeRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	model := func(name string, version int, graph onnxtest.Graph) {
		t.Helper()
		graph.Write(t, filepath.Join(dir, name, fmt.Sprint(version), "model.onnx"))
	}

	// Identity from INPUT0 to OUTPUT0 for every datatype, and for a scalar.
	for datatype, element := range elements {
		model("identity_"+strings.ToLower(datatype), 1, unary("Identity", element, "rows", "columns"))
	}
	model("scalar", 1, unary("Identity", elements["FP32"]))

	// The models of Triton's own examples.
	model("simple", 1, sumAndDifference(elements["INT32"]))
	write("simple/config.pbtxt", config("onnxruntime_onnx", 8, "TYPE_INT32"))
	model("simple_int8", 1, sumAndDifference(elements["INT8"]))
	model("simple_string", 1, sumAndDifference(elements["BYTES"]))
	write("simple_string/config.pbtxt", config("onnxruntime_onnx", 8, "TYPE_STRING"))

	model("versions", 1, unary("Identity", elements["FP32"], "rows", "columns"))
	model("versions", 2, unary("Neg", elements["FP32"], "rows", "columns"))
	write("versions/config.pbtxt", "version_policy: { all: {} }\n")

	model("classes", 1, unary("Identity", elements["FP32"], "rows", 4))
	write("classes/config.pbtxt", `max_batch_size: 8
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] label_filename: "pets.txt" } ]
`)
	write("classes/pets.txt", "cat\ndog\nbird\nfish\n")

	// The model that test_control.py loads and unloads, and one that fails to load.
	model("controlled", 1, unary("Identity", elements["FP32"], "rows", 3))
	write("controlled/config.pbtxt", "max_batch_size: 8\n")
	write(brokenModel+"/1/model.onnx", "no model")

	sample := os.DirFS(filepath.Join(root, "models"))
	for _, file := range []string{"digits/1/model.onnx", "digits/labels.txt", "digits/preprocessor_config.json"} {
		content, err := fs.ReadFile(sample, file)
		if err != nil {
			t.Fatal(err)
		}
		write(file, string(content))
	}
	return dir
}

func unary(op string, element int, dims ...any) onnxtest.Graph {
	return onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: op, Inputs: []string{"INPUT0"}, Outputs: []string{"OUTPUT0"}}},
		Inputs:  []onnxtest.Value{{Name: "INPUT0", Elem: element, Dims: dims}},
		Outputs: []onnxtest.Value{{Name: "OUTPUT0", Elem: element, Dims: dims}},
	}
}

// sumAndDifference returns the graph of Triton's `simple` models: rows of 16 values of
// any type that can be cast to INT32 and back, including strings.
func sumAndDifference(element int) onnxtest.Graph {
	cast := func(from, to string, element int) onnxtest.Node {
		return onnxtest.Node{Op: "Cast", Inputs: []string{from}, Outputs: []string{to}, Ints: map[string]int64{"to": int64(element)}}
	}
	value := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Elem: element, Dims: []any{"batch", 16}}
	}
	return onnxtest.Graph{
		Nodes: []onnxtest.Node{
			cast("INPUT0", "a", elements["INT32"]),
			cast("INPUT1", "b", elements["INT32"]),
			{Op: "Add", Inputs: []string{"a", "b"}, Outputs: []string{"sum"}},
			{Op: "Sub", Inputs: []string{"a", "b"}, Outputs: []string{"difference"}},
			cast("sum", "OUTPUT0", element),
			cast("difference", "OUTPUT1", element),
		},
		Inputs:  []onnxtest.Value{value("INPUT0"), value("INPUT1")},
		Outputs: []onnxtest.Value{value("OUTPUT0"), value("OUTPUT1")},
	}
}

// config returns the config.pbtxt of such a model in Triton's examples.
func config(platform string, maxBatchSize int, dataType string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "platform: %q\nmax_batch_size: %d\n", platform, maxBatchSize)
	for _, kind := range []string{"input", "output"} {
		fmt.Fprintf(&b, "%s [\n", kind)
		for i := range 2 {
			fmt.Fprintf(&b, "  {\n    name: \"%s%d\"\n    data_type: %s\n    dims: [ 16 ]\n  }%s\n",
				strings.ToUpper(kind), i, dataType, map[int]string{0: ","}[i])
		}
		fmt.Fprint(&b, "]\n")
	}
	return b.String()
}
