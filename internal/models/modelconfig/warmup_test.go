package modelconfig_test

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// words is a model with an input of strings and one of numbers.
var words = &engine.Signature{Inputs: []engine.TensorSpec{
	{Name: "text", DataType: tensor.Bytes, Shape: tensor.Shape{-1, 2}, DimNames: []string{"N", ""}},
	{Name: "score", DataType: tensor.FP32, Shape: tensor.Shape{-1, 3}, DimNames: []string{"N", ""}},
}}

// twoWords is an item of text.
var twoWords = tensor.AppendElement(tensor.AppendElement(nil, []byte("ab")), nil)

// files reads the files of a model's directory.
func files(name string) ([]byte, error) {
	switch name {
	case "warmup/words.bin":
		return twoWords, nil
	case "warmup/deep/scores.bin":
		return append(tensor.AsBytes([]float32{1, 2, 3}), "ignored trailing bytes"...), nil
	default:
		return nil, fs.ErrNotExist
	}
}

func TestWarmupsCreateRequests(t *testing.T) {
	t.Parallel()
	config := parse(t, `max_batch_size: 2
		model_warmup { name: "from files" batch_size: 2 count: 3
			inputs { key: "score" value { data_type: TYPE_FP32 dims: 3 input_data_file: "deep/scores.bin" } }
			inputs { key: "text" value { data_type: TYPE_STRING dims: 2 input_data_file: "words.bin" } } }
		model_warmup { inputs { key: "score" value { dims: 3 random_data: false } } inputs { key: "text" value { dims: 2 random_data: true } } }
		model_warmup { inputs { key: "score" value { dims: 3 zero_data: true } } inputs { key: "text" value { dims: 2 zero_data: true } } }`)
	warmups, err := modelconfig.Warmups(config, words, files)
	if err != nil {
		t.Fatal(err)
	}
	if len(warmups) != 3 {
		t.Fatalf("%d requests, want 3", len(warmups))
	}
	first := warmups[0]
	if first.Name != "from files" || first.Count != 3 || warmups[1].Count != 1 {
		t.Errorf("%q %d times, the next %d times", first.Name, first.Count, warmups[1].Count)
	}
	if text := first.Inputs[0]; !slices.Equal(text.Shape, tensor.Shape{2, 2}) || !bytes.Equal(text.Data, slices.Concat(twoWords, twoWords)) {
		t.Errorf("text %v of %q", text.Shape, text.Data)
	}
	scores, _ := tensor.View[float32](first.Inputs[1].Data)
	if !slices.Equal(first.Inputs[1].Shape, tensor.Shape{2, 3}) || !slices.Equal(scores, []float32{1, 2, 3, 1, 2, 3}) {
		t.Errorf("scores %v of %v", first.Inputs[1].Shape, scores)
	}
	random, _ := tensor.View[float32](warmups[1].Inputs[1].Data)
	if slices.Max(random) >= 1 || slices.Min(random) < 0 || random[0] == random[1] {
		t.Errorf("random values %v", random)
	}
	if empty := make([]byte, 8); !bytes.Equal(warmups[1].Inputs[0].Data, empty) || !bytes.Equal(warmups[2].Inputs[0].Data, empty) {
		t.Error("strings without a file are not empty")
	}
	if !bytes.Equal(warmups[2].Inputs[1].Data, make([]byte, 12)) {
		t.Error("zero_data is not zero")
	}
	again, err := modelconfig.Warmups(config, words, files)
	if err != nil || !bytes.Equal(again[1].Inputs[1].Data, warmups[1].Inputs[1].Data) {
		t.Errorf("random_data differs from call to call, %v", err)
	}
}

func TestRandomDataOfEveryDataType(t *testing.T) {
	t.Parallel()
	for d := tensor.Bool; d < tensor.Bytes; d++ {
		// More than one chunk.
		signature := &engine.Signature{Inputs: []engine.TensorSpec{{Name: "x", DataType: d, Shape: tensor.Shape{5000}}}}
		warmups, err := modelconfig.Warmups(parse(t, `model_warmup { inputs { key: "x" value { dims: 5000 random_data: true } } }`), signature, files)
		if err != nil {
			t.Errorf("%v: %v", d, err)
			continue
		}
		values, err := tensor.Float32s(warmups[0].Inputs[0])
		if err != nil || len(values) != 5000 || slices.Max(values) > 1 || slices.Min(values) < 0 || slices.Max(values) == slices.Min(values) {
			t.Errorf("%v: %d values from %v to %v, %v", d, len(values), slices.Min(values), slices.Max(values), err)
		}
	}
}

func TestWarmupsOfScalars(t *testing.T) {
	t.Parallel()
	signature := &engine.Signature{Inputs: []engine.TensorSpec{{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{}}}}
	for _, dims := range []string{"", "dims: 1"} {
		warmups, err := modelconfig.Warmups(parse(t, `model_warmup { batch_size: 1 inputs { key: "x" value { `+dims+` zero_data: true } } }`), signature, files)
		if err != nil || len(warmups[0].Inputs[0].Shape) != 0 || len(warmups[0].Inputs[0].Data) != 4 {
			t.Errorf("%q: %v, %v", dims, warmups, err)
		}
	}
	if warmups, err := modelconfig.Warmups(nil, signature, files); err != nil || warmups != nil {
		t.Errorf("without a configuration: %v, %v", warmups, err)
	}
}

func TestWarmupsThatDoNotFit(t *testing.T) {
	t.Parallel()
	const text = `inputs { key: "text" value { dims: [1, 2] zero_data: true } }`
	for _, test := range []struct{ name, warmup, want string }{
		{"batch size", `batch_size: 2`, `["w"].batch_size is 2: the limit is 1 (max_batch_size is 0)`},
		{"missing", text, `["w"].inputs lacks "score", which the model requires: add it`},
		{"unknown", `inputs { key: "x" value { } }`, `["w"].inputs has "x", but the model's inputs are "text", "score"`},
		{"data type", text + `inputs { key: "score" value { data_type: TYPE_INT64 } }`, `["w"].inputs["score"].data_type is TYPE_INT64, but the model has TYPE_FP32`},
		{"shape", text + `inputs { key: "score" value { dims: [1, 4] } }`, `["w"].inputs["score"].dims is [1, 4], which makes shape [1, 4]: use sizes that fit the model's shape [-1, 3]`},
		{"dynamic", text + `inputs { key: "score" value { dims: [-1, 3] } }`, `["w"].inputs["score"].dims is [-1, 3], which makes shape [-1, 3]: use sizes that fit the model's shape [-1, 3]`},
		{"data", text + `inputs { key: "score" value { dims: [1, 3] } }`, `["w"].inputs["score"] has no data: set zero_data, random_data or input_data_file`},
		{"file", text + `inputs { key: "score" value { dims: [1, 3] input_data_file: "none.bin" } }`, `["w"].inputs["score"].input_data_file: file does not exist`},
		{"path", text + `inputs { key: "score" value { dims: [1, 3] input_data_file: "../1/model.onnx" } }`, `["w"].inputs["score"].input_data_file is "../1/model.onnx": use the name of a file in the model's directory warmup`},
		{"short", text + `inputs { key: "score" value { dims: [1, 3] input_data_file: "words.bin" } }`, `["w"].inputs["score"].input_data_file: "words.bin" has 10 bytes, but data_type and dims require 12`},
		{
			"strings", `inputs { key: "text" value { dims: [2, 2] input_data_file: "words.bin" } } inputs { key: "score" value { dims: [2, 3] zero_data: true } }`,
			`["w"].inputs["text"].input_data_file: "words.bin": found 2 BYTES elements, want 4`,
		},
		{"large", `inputs { key: "text" value { dims: [1000000000, 2] zero_data: true } }`, `["w"].inputs["text"].dims: shape [1000000000, 2] exceeds 1073741824 bytes`},
		{"overflow", `inputs { key: "text" value { dims: [9223372036854775807, 2] zero_data: true } }`, `["w"].inputs["text"].dims: bad shape: the number of elements of [9223372036854775807, 2] overflows`},
	} {
		_, err := modelconfig.Warmups(parse(t, `model_warmup { name: "w" `+test.warmup+` }`), words, files)
		if err == nil || err.Error() != "config.pbtxt: model_warmup"+test.want {
			t.Errorf("%s: %v\nwant %s", test.name, err, test.want)
		}
	}
	signature := &engine.Signature{}
	if _, err := modelconfig.Warmups(parse(t, `model_warmup { count: 20000 }`), signature, files); err == nil || !strings.HasSuffix(err.Error(), `model_warmup[0].count is 20000: the limit is 10000`) {
		t.Error(err)
	}
	batched := `max_batch_size: 1000000 model_warmup { batch_size: 1000000 inputs { key: "score" value { dims: 3 zero_data: true } } inputs { key: "text" value { dims: 2 input_data_file: "words.bin" } } }`
	large := func(string) ([]byte, error) { return tensor.AppendElement(twoWords[:6:6], make([]byte, 5000)), nil }
	if _, err := modelconfig.Warmups(parse(t, batched), words, large); err == nil || !strings.HasSuffix(err.Error(), `inputs["text"].dims: shape [1000000, 2] exceeds 1073741824 bytes`) {
		t.Error(err)
	}
	failing := errors.New("the disk is gone")
	if _, err := modelconfig.Warmups(parse(t, batched), words, func(string) ([]byte, error) { return nil, failing }); !errors.Is(err, failing) {
		t.Error(err)
	}
}
