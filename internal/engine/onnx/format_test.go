package onnx_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// A file of another format is named as such, with what to do.
func TestFilesOfOtherFormats(t *testing.T) {
	model := string(onnxtest.Unary("Identity", onnxtest.Float32, 1, 2).Encode())
	for content, want := range map[string]string{
		"<!DOCTYPE html><html><body>Sign in</body></html>":           "the file is no ONNX model, but a web page (HTML): download the file itself",
		"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "a pointer of Git LFS: fetch the file that it stands for: git lfs pull",
		"PK\x03\x04\x00\x00m/data.pkl":                               "a PyTorch model: export it with torch.onnx.export",
		"PK\x03\x04\x00\x00model.onnx":                               "a zip archive: unpack it",
		"\x1f\x8b\x08\x00":                                           "a gzip archive: unpack it",
		strings.Repeat("a", 257) + "ustar":                           "a tar archive: unpack it",
		"\x80\x02\x8a\x0a":                                           "a pickle of Python",
		"\x08\x01\x12\xff\xff\x01" + strings.Repeat("o", 1<<15-1):    "a TensorFlow SavedModel: convert it with tf2onnx",
		"\x20\x00\x00\x00TFL3":                                       "a TensorFlow Lite model: convert it with tf2onnx",
		"\x08\x00\x00\x00\x00\x00\x00\x00{\"w\":{}}":                 "a file of weights (safetensors): export the model to ONNX",
		"":                      "the file is empty: copy or download it again",
		model[:len(model)/2]:    "not an ONNX model, or a part of one: the file ends inside a field: copy or download it again",
		"404: Not Found":        "not an ONNX model",
		"\x08\x08\x12\x04torch": "not an ONNX model",
	} {
		file := filepath.Join(t.TempDir(), "model.onnx")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := runtime.Load(t.Context(), file, engine.LoadOptions{})
		if !errors.Is(err, engine.ErrBadModel) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), file) {
			t.Errorf("%.30q: error %v\nwant %s", content, err, want)
		}
	}
}
