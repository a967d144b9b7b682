package onnx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPublicReasonHasNoPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.MkdirAll(filepath.Join(dir, "models", "m", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	relative := filepath.Join("models", "m", "1", "model.onnx")
	absolute := filepath.Join(dir, relative)
	for _, c := range []struct{ path, message, want string }{
		{absolute, "Load model from " + absolute + " failed:Protobuf parsing failed.", "Load model from model.onnx failed:Protobuf parsing failed."},
		{relative, "Load model from " + relative + " failed:Protobuf parsing failed.", "Load model from model.onnx failed:Protobuf parsing failed."},
		{relative, `no data: "` + filepath.Join(filepath.Dir(absolute), "weights.bin") + `"`, `no data: "weights.bin"`},
		{absolute, `"blob" is at "` + filepath.Join(dir, "models", "blob") + `", allowed is "` + filepath.Dir(absolute) + `"`, `"blob" is at "blob", allowed is "1"`},
		{"model.onnx", "./model.onnx is no model.", "./model.onnx is no model."},
		{
			absolute,
			"Exception during initialization: /onnxruntime_src/onnxruntime/core/providers/cpu/rnn/rnn.h:27 layout_ == 0 was false. Not supported.",
			"Exception during initialization: layout_ == 0 was false. Not supported.",
		},
		{
			absolute,
			`Exception: D:\a\_work\1\s\onnxruntime\core\graph\model.cc:150 onnxruntime::Model::Model no opset.`,
			"Exception: no opset.",
		},
		{
			absolute,
			"Load model from " + absolute + " failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:181 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&) Unsupported model IR version: 99, max supported IR version: 11",
			"Load model from model.onnx failed:Unsupported model IR version: 99, max supported IR version: 11",
		},
		{
			absolute,
			"/onnxruntime_src/onnxruntime/core/providers/cpu/text/string_normalizer.cc:235 onnxruntime::StringNormalizer::Locale::Locale(const std::string&)::<lambda()> No such locale",
			"No such locale",
		},
		{
			absolute,
			"Status Message: /onnxruntime_src/onnxruntime/core/a.cc:9 virtual onnxruntime::common::Status onnxruntime::Split::Compute(onnxruntime::OpKernelContext*) const split_tensor->Shape().NumDimensions() == 1 was false. The split tensor must be a vector tensor.",
			"Status Message: The split tensor must be a vector tensor.",
		},
		{absolute, "a.cc:9 OrtStatus* OrtCreateMapMLValue(const onnxruntime::Tensor&) [with KeyType = long int] Keys differ", "Keys differ"},
		{absolute, "a.cc:9 onnxruntime::Loop::Loop() x.size() == 1 was false. ", "x.size() == 1 was false."},
		{absolute, "bad cast from onnxruntime::Tensor", "bad cast from Tensor"},
		{absolute, "Error: tensorprotoutils.cc:453 External data is missing.", "Error: External data is missing."},
	} {
		if got := publicReason(c.message, c.path); got != c.want {
			t.Errorf("%s\nbecomes %s\nwant    %s", c.message, got, c.want)
		}
	}
}

// A message may quote what is long. It keeps the operator and the reason, without locations.
func TestPublicReasonIsShort(t *testing.T) {
	for _, quoted := range []string{"a.cc:1 a::b(", "a.cc:1 <", "ä", "x"} {
		message := "Non-zero status code while running Cast. Name:'" + strings.Repeat(quoted, 1<<20) + "' Status Message: bad value"
		got := publicReason(message, "model.onnx")
		if len(got) > maxReason+10 || !utf8.ValidString(got) || !strings.HasPrefix(got, "Non-zero status code while running Cast. Name:") || !strings.HasSuffix(got, "Status Message: bad value") {
			t.Errorf("%q repeated: %d bytes, %.60q ... %q", quoted, len(got), got, got[max(len(got)-60, 0):])
		}
	}
}
