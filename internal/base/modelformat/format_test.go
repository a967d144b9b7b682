package modelformat_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tensorwire/tensorwire/internal/base/modelformat"
)

// zipped returns an archive with one file.
func zipped(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if f, err := w.Create(name); err != nil {
		t.Fatal(err)
	} else if _, err := f.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarred(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "model.onnx", Size: 4, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("\x08\x08\x3a\x00")); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func field(number protowire.Number, content string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), content))
}

func TestRecognize(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"HTML":                  {"<!DOCTYPE html><html>", "a web page (HTML)"},
		"HTML after a mark":     {"\xef\xbb\xbf\r\n  <HTML lang=en>", "a web page (HTML)"},
		"XHTML":                 {"<?xml version=\"1.0\"?>\n<html xmlns=\"x\">", "a web page (HTML)"},
		"HTML with a comment":   {"<!-- saved -->\n<html>", "a web page (HTML)"},
		"an error of S3":        {"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>", "XML"},
		"OpenVINO":              {"<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">", "OpenVINO"},
		"JSON":                  {`{"error":"Not Found"}`, "JSON"},
		"Git LFS":               {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS"},
		"zip":                   {zipped(t, "model.onnx"), "a zip archive"},
		"PyTorch":               {zipped(t, "model/data.pkl"), "a PyTorch model"},
		"TorchScript":           {zipped(t, "net/constants.pkl"), "a PyTorch model"},
		"Keras":                 {zipped(t, "metadata.json"), "Keras"},
		"tar":                   {tarred(t), "a tar archive"},
		"gzip":                  {gzipped(t, tarred(t)), "a gzip archive"},
		"bzip2":                 {"BZh91AY&SY", "a bzip2 archive"},
		"xz":                    {"\xfd7zXZ\x00\x00", "an xz archive"},
		"zstd":                  {"\x28\xb5\x2f\xfd\x04", "a zstd archive"},
		"pickle":                {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46", "a pickle of Python"},
		"pickle of protocol 4":  {"\x80\x04\x95\x00", "a pickle of Python"},
		"safetensors":           {"\x08\x00\x00\x00\x00\x00\x00\x00{\"w\":{}}", "safetensors"},
		"SavedModel":            {"\x08\x01" + field(2, field(1, strings.Repeat("op", 2000))), "a TensorFlow SavedModel"},
		"a graph of TensorFlow": {field(1, field(1, "x")+field(2, "Placeholder")), "a graph of TensorFlow"},
		"TensorFlow Lite":       {"\x1c\x00\x00\x00TFL3\x14\x00", "a TensorFlow Lite model"},
		"ORT":                   {"\x1c\x00\x00\x00ORTM\x14\x00", "ONNX Runtime's own format"},
		"HDF5":                  {"\x89HDF\r\n\x1a\n\x00", "Keras"},
		"GGUF":                  {"GGUF\x03\x00", "GGUF"},
		"NumPy":                 {"\x93NUMPY\x01\x00", "NumPy"},
		"zeros":                 {strings.Repeat("\x00", 100), "zeros"},
	} {
		f, ok := modelformat.Recognize([]byte(c.content))
		if !ok || !strings.Contains(f.Name, c.want) || f.Remedy == "" {
			t.Errorf("%s is %+v", name, f)
		}
		for n := range min(len(c.content), 20) { // any part of it
			modelformat.Recognize([]byte(c.content[:n+1]))
		}
	}
}

// ONNX files are not reported as another format. Any field may be the first.
func TestONNXIsNoOtherFormat(t *testing.T) {
	graph := field(7, field(1, field(1, "Placeholder")+field(4, "Const")))
	for name, content := range map[string]string{
		"version first":          "\x08\x08" + field(2, "pytorch") + field(3, "2.4") + graph,
		"version 1":              "\x08\x01" + field(2, "a producer's name") + graph,
		"version 1 and a graph":  "\x08\x01" + graph,
		"graph first":            graph + "\x08\x08",
		"producer first":         field(2, "tf2onnx") + graph,
		"opset first":            field(8, "\x10\x0f") + graph,
		"description first":      field(6, "<html> in a description") + graph,
		"metadata first":         field(14, field(1, "k")+field(2, "{}")) + graph,
		"the shortest beginning": "\x08",
	} {
		if f, ok := modelformat.Recognize([]byte(content)); ok || !modelformat.MayBeONNX([]byte(content)) {
			t.Errorf("%s is %+v", name, f)
		}
	}
	if modelformat.MayBeONNX([]byte("404: Not Found")) {
		t.Error("a text may be ONNX")
	}
}
