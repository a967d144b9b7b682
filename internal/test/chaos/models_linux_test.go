package chaos_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/test/digitstest"
)

// value is a tensor of a request or a response. raw is in the protocol's raw encoding.
type value struct {
	name, datatype string
	shape          []int64
	raw            []byte
}

// request is a request with the right answer.
type request struct {
	model  string
	inputs []value
	want   []value
	// tolerance is the accepted difference of FP32 values.
	tolerance float64
	// image is an encoded image, and class the label of its digit; nil: the request has
	// tensors only.
	image []byte
	class string
}

// model is a healthy model.
type model struct {
	name   string
	config string
	// onnx is the content of model.onnx. Models may have other files too.
	onnx   []byte
	others map[string][]byte
	// ask makes a request. A large one has more values than JSON should carry.
	ask func(r *rand.Rand, large bool) request
}

// Sizes of the models.
const (
	rowSize    = 16
	tableSize  = 2_600_000 // floats: above the size of models that share workers
	iterations = 30_000    // of the slow model's loop: about 50 ms
)

// healthyModels returns the eight models whose answers are checked.
func healthyModels(t *testing.T) []model {
	return []model{
		digits(t), increment(), negate(), table(), double(), echo(), sumAndDifference(), slow(),
	}
}

// names returns the names of models.
func names(models []model) []string {
	all := make([]string, len(models))
	for i, m := range models {
		all[i] = m.name
	}
	return all
}

// write writes a version of the model. The version's directory appears at once.
func (m model) write(repository string, version int) error {
	dir := filepath.Join(repository, m.name)
	for name, content := range m.others {
		if err := writeFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(dir, "config.pbtxt"), []byte("version_policy { latest { num_versions: 1 } }\n"+m.config)); err != nil {
		return err
	}
	staging := filepath.Join(dir, ".staging")
	defer os.RemoveAll(staging)
	if err := writeFile(filepath.Join(staging, "model.onnx"), m.onnx); err != nil {
		return err
	}
	return os.Rename(staging, filepath.Join(dir, strconv.Itoa(version)))
}

// writeFile replaces a file at once, and creates its directory.
func writeFile(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part := filepath.Join(filepath.Dir(path), ".part-"+filepath.Base(path))
	defer os.Remove(part)
	if err := os.WriteFile(part, content, 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// numbers returns a value of the numbers of(0), of(1), ...
func numbers[T tensor.Number](name, datatype string, shape []int64, of func(i int) T) value {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	list := make([]T, n)
	for i := range list {
		list[i] = of(i)
	}
	return value{name, datatype, shape, tensor.AsBytes(list)}
}

// rows returns a number of rows, and so the size of a request: up to 640 kB in large ones.
func rows(r *rand.Rand, large bool) int64 {
	if large && r.IntN(4) == 0 {
		return 1 + r.Int64N(10_000)
	}
	return 1 + r.Int64N(8)
}

// increment is a small model with a fixed number of columns.
func increment() model {
	g := onnxtest.Graph{
		Nodes:        []onnxtest.Node{{Op: "Add", Inputs: []string{"x", "one"}, Outputs: []string{"y"}}},
		Inputs:       []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"rows", rowSize}}},
		Outputs:      []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"rows", rowSize}}},
		Initializers: []onnxtest.Initializer{{Name: "one", Dims: []int64{1}, Data: []float32{1}}},
	}
	return model{name: "increment", onnx: g.Encode(), ask: func(r *rand.Rand, large bool) request {
		shape, first := []int64{rows(r, large), rowSize}, r.IntN(1000)
		return request{
			model:  "increment",
			inputs: []value{numbers("x", "FP32", shape, func(i int) float32 { return float32(first + i) })},
			want:   []value{numbers("y", "FP32", shape, func(i int) float32 { return float32(first + i + 1) })},
		}
	}}
}

// negate is a small model with dynamic sizes.
func negate() model {
	return model{name: "negate", onnx: onnxtest.Unary("Neg", onnxtest.Int32, "rows", "columns").Encode(), ask: func(r *rand.Rand, large bool) request {
		shape, first := []int64{rows(r, large), 1 + r.Int64N(rowSize)}, r.IntN(1000)
		return request{
			model:  "negate",
			inputs: []value{numbers("x", "INT32", shape, func(i int) int32 { return int32(first + i) })},
			want:   []value{numbers("y", "INT32", shape, func(i int) int32 { return int32(-first - i) })},
		}
	}}
}

// table is above the size of models that share workers: it looks up floats in a table.
func table() model {
	content := make([]float32, tableSize)
	for i := range content {
		content[i] = float32(i % 1000)
	}
	g := onnxtest.Graph{
		Nodes:        []onnxtest.Node{{Op: "Gather", Inputs: []string{"table", "x"}, Outputs: []string{"y"}}},
		Inputs:       []onnxtest.Value{{Name: "x", Elem: onnxtest.Int64, Dims: []any{"n"}}},
		Outputs:      []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"n"}}},
		Initializers: []onnxtest.Initializer{{Name: "table", Dims: []int64{tableSize}, Data: content}},
	}
	return model{name: "table", onnx: g.Encode(), ask: func(r *rand.Rand, large bool) request {
		shape, first := []int64{rows(r, large)}, r.Int64N(tableSize)
		at := func(i int) int64 { return (first + int64(i)*7919) % tableSize }
		return request{
			model:  "table",
			inputs: []value{numbers("x", "INT64", shape, at)},
			want:   []value{numbers("y", "FP32", shape, func(i int) float32 { return float32(at(i) % 1000) })},
		}
	}}
}

// double is batched.
func double() model {
	g := onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Add", Inputs: []string{"x", "x"}, Outputs: []string{"y"}}},
		Inputs:  []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"rows", rowSize}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"rows", rowSize}}},
	}
	config := "max_batch_size: 8\ndynamic_batching { max_queue_delay_microseconds: 2000 }\n"
	return model{name: "double", config: config, onnx: g.Encode(), ask: func(r *rand.Rand, _ bool) request {
		shape, first := []int64{1 + r.Int64N(4), rowSize}, r.IntN(1000)
		return request{
			model:  "double",
			inputs: []value{numbers("x", "FP32", shape, func(i int) float32 { return float32(first + i) })},
			want:   []value{numbers("y", "FP32", shape, func(i int) float32 { return float32(2 * (first + i)) })},
		}
	}}
}

// echo returns strings.
func echo() model {
	return model{name: "echo", onnx: onnxtest.Unary("Identity", onnxtest.String, "n").Encode(), ask: func(r *rand.Rand, large bool) request {
		var raw []byte
		n := rows(r, large)
		for i := range n {
			raw = tensor.AppendElement(raw, []byte(strconv.FormatInt(r.Int64()*(i%2), 36)))
		}
		return request{model: "echo", inputs: []value{{"x", "BYTES", []int64{n}, raw}}, want: []value{{"y", "BYTES", []int64{n}, raw}}}
	}}
}

// sumAndDifference has several inputs and outputs.
func sumAndDifference() model {
	v := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Elem: onnxtest.Int32, Dims: []any{"rows", rowSize}}
	}
	g := onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Add", Inputs: []string{"a", "b"}, Outputs: []string{"sum"}},
			{Op: "Sub", Inputs: []string{"a", "b"}, Outputs: []string{"difference"}},
		},
		Inputs:  []onnxtest.Value{v("a"), v("b")},
		Outputs: []onnxtest.Value{v("sum"), v("difference")},
	}
	return model{name: "simple", onnx: g.Encode(), ask: func(r *rand.Rand, large bool) request {
		shape, first, step := []int64{rows(r, large), rowSize}, r.IntN(1000), r.IntN(10)
		a := func(i int) int32 { return int32(first + i) }
		b := func(i int) int32 { return int32(i * step) }
		return request{
			model:  "simple",
			inputs: []value{numbers("a", "INT32", shape, a), numbers("b", "INT32", shape, b)},
			want: []value{
				numbers("sum", "INT32", shape, func(i int) int32 { return a(i) + b(i) }),
				numbers("difference", "INT32", shape, func(i int) int32 { return a(i) - b(i) }),
			},
		}
	}}
}

// slow counts in a loop.
func slow() model {
	return model{name: "slow", onnx: onnxtest.Loop().Encode(), ask: func(r *rand.Rand, _ bool) request {
		n := int64(iterations + r.IntN(1000))
		of := func(int) int64 { return n }
		return request{
			model:  "slow",
			inputs: []value{numbers("x", "INT64", []int64{1}, of)},
			want:   []value{numbers("y", "INT64", []int64{1}, of)},
		}
	}}
}

// digits is the sample model. The answers are those of ONNX Runtime in this process, which
// only runs it before the chaos begins.
func digits(t *testing.T) model {
	dir := filepath.Join(root, "models/digits")
	m := model{name: "digits", others: map[string][]byte{}}
	for _, name := range []string{"labels.txt", "preprocessor_config.json", "1/model.onnx"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		m.others[name] = content
	}
	m.onnx = m.others["1/model.onnx"]
	delete(m.others, "1/model.onnx")
	run := reference(t, filepath.Join(dir, "1/model.onnx"))
	var asks []request
	const class = 7 // one: with the race detector its file takes seconds to read
	held := digitstest.Load(t, root, class)
	for i := range 30 {
		asks = append(asks, digit(t, held, i, class, run))
	}
	m.ask = func(r *rand.Rand, _ bool) request { return asks[r.IntN(len(asks))] }
	return m
}

// digit returns the request of a digit. An image is asked for only if the model knows it.
func digit(t *testing.T, held digitstest.Class, i, class int, run func(input value) []value) request {
	pixels := held.Intensities(i)
	input := numbers("image", "FP32", []int64{1, 1, 28, 28}, func(at int) float32 { return pixels[at]*2 - 1 })
	q := request{model: "digits", inputs: []value{input}, want: run(input), tolerance: 1e-3}
	scores, _ := tensor.View[float32](q.want[0].raw)
	best := 0
	for c, score := range scores {
		if score > scores[best] {
			best = c
		}
	}
	if best == class {
		q.image, q.class = held.PNG(t, i), strconv.Itoa(class)
	}
	return q
}

// reference returns a function that runs a model in this process.
func reference(t *testing.T, path string) func(input value) []value {
	library, err := onnxtest.Library()
	if err != nil {
		t.Fatal(err)
	}
	e, err := onnx.Open(library, onnx.Options{IntraOpThreads: 1})
	if err != nil {
		t.Fatal(err)
	}
	session, err := e.Load(t.Context(), path, engine.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return func(input value) []value {
		result, err := session.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: input.shape, Data: input.raw}})
		if err != nil {
			t.Fatal(err)
		}
		defer result.Release()
		var outputs []value
		for i, output := range result.Outputs {
			outputs = append(outputs, value{session.Signature().Outputs[i].Name, fmt.Sprint(output.DataType), output.Shape, bytes.Clone(output.Data)})
		}
		return outputs
	}
}
