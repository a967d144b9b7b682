package modelformat

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Beginning is the number of bytes of a file that Recognize reads at most.
const Beginning = 1024

// Format is the format of a file that is no ONNX model.
type Format struct {
	// Name is a noun phrase with its article, such as "a web page (HTML)".
	Name string
	// Remedy says what to do, in the imperative.
	Remedy string
}

// modelTags are the bytes with which an ONNX file can begin: the protobuf tags of
// ModelProto's fields in onnx.proto. Writers begin with the first, ir_version.
const modelTags = "\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca\xd2"

// MayBeONNX reports whether a file with this beginning, one byte or more, can be an ONNX
// model. Recognize rules out more.
func MayBeONNX(beginning []byte) bool { return strings.IndexByte(modelTags, beginning[0]) >= 0 }

const (
	download = "download the file itself; on Hugging Face its address has /resolve/, on GitHub /raw/, and not /blob/"
	unpack   = "unpack it, and use the .onnx file in it"
	torch    = "export it with torch.onnx.export"
	optimum  = "export the model to ONNX, such as with optimum-cli export onnx"
	tf2onnx  = "convert it with tf2onnx"
)

// signatures are bytes at an offset of a file, and its format. Sources: the specifications of
// the formats, and file(1).
var signatures = []struct {
	offset int
	bytes  string
	format Format
}{
	{0, "version https://git-lfs.github.com/", Format{"a pointer of Git LFS", "fetch the file that it stands for: git lfs pull, or " + download}},
	{0, "\x1f\x8b", Format{"a gzip archive", unpack}},
	{0, "BZh", Format{"a bzip2 archive", unpack}},
	{0, "\xfd7zXZ\x00", Format{"an xz archive", unpack}},
	{0, "\x28\xb5\x2f\xfd", Format{"a zstd archive", unpack}},
	{0, "7z\xbc\xaf\x27\x1c", Format{"a 7z archive", unpack}},
	{0, "Rar!\x1a", Format{"a rar archive", unpack}},
	{257, "ustar", Format{"a tar archive", unpack}},
	{4, "TFL3", Format{"a TensorFlow Lite model", "convert it with tf2onnx (option tflite)"}},
	{4, "ORTM", Format{"a model in ONNX Runtime's own format (.ort)", "use the .onnx file that it was made of"}},
	{0, "\x89HDF\r\n\x1a\n", Format{"an HDF5 file, as Keras writes it", tf2onnx + " (option keras)"}},
	{0, "GGUF", Format{"a GGUF model", "use its original with ONNX weights"}},
	{0, "\x93NUMPY", Format{"an array of NumPy", "use the .onnx file of the model"}},
	{0, "%PDF", Format{"a PDF document", download}},
}

// Recognize returns the format of a file by its beginning, one byte or more, and whether it
// is a known one other than ONNX.
func Recognize(beginning []byte) (Format, bool) {
	b := beginning[:min(len(beginning), Beginning)]
	for _, s := range signatures {
		if len(b) > s.offset && bytes.HasPrefix(b[s.offset:], []byte(s.bytes)) {
			return s.format, true
		}
	}
	for _, recognize := range []func([]byte) Format{archive, pickle, safetensors, savedModel, graphDef, markup, zeros} {
		if f := recognize(b); f.Name != "" {
			return f, true
		}
	}
	return Format{}, false
}

// archive recognizes zip archives. PyTorch and Keras save models as such; the first entry
// distinguishes them.
func archive(b []byte) Format {
	switch {
	case !bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return Format{}
	case bytes.Contains(b, []byte("/data.pkl")), bytes.Contains(b, []byte("/byteorder")), bytes.Contains(b, []byte("/constants.pkl")), bytes.Contains(b, []byte("/.format_version")):
		return Format{"a PyTorch model", torch}
	case bytes.Contains(b, []byte("metadata.json")), bytes.Contains(b, []byte("config.json")):
		return Format{"a zip archive, perhaps of a Keras model", tf2onnx + " (option keras), or " + unpack}
	}
	return Format{"a zip archive", unpack}
}

// pickle recognizes protocols 2 to 5 of Python's pickle: PyTorch's older files, scikit-learn.
func pickle(b []byte) Format {
	if len(b) > 2 && b[0] == 0x80 && 2 <= b[1] && b[1] <= 5 {
		return Format{"a pickle of Python, such as a PyTorch or scikit-learn model", torch + ", or with skl2onnx"}
	}
	return Format{}
}

// safetensors recognizes the length of a header in JSON, and its beginning.
func safetensors(b []byte) Format {
	const maxHeader = 100 << 20
	if len(b) < 10 || b[8] != '{' || !strings.ContainsRune("\" }\n", rune(b[9])) {
		return Format{}
	}
	if size := binary.LittleEndian.Uint64(b); size < 2 || size > maxHeader {
		return Format{}
	}
	return Format{"a file of weights (safetensors)", optimum}
}

// savedModel recognizes TensorFlow's SavedModel: its first field is the version 1, as
// ir_version may be in ONNX. Its second one has the graph, where ONNX has a short name.
func savedModel(b []byte) Format {
	const maxName = 1 << 10
	if rest, ok := bytes.CutPrefix(b, []byte("\x08\x01\x12")); ok {
		if size, n := binary.Uvarint(rest); n > 0 && size > maxName {
			return Format{"a TensorFlow SavedModel", tf2onnx + " (option saved-model, with the directory of the file)"}
		}
	}
	return Format{}
}

// graphDef recognizes a frozen graph of TensorFlow: nodes with a name and an operator.
func graphDef(b []byte) Format {
	if len(b) > 4 && b[0] == 0x0a && (bytes.Contains(b, []byte("Placeholder")) || bytes.Contains(b, []byte("Const"))) {
		return Format{"a graph of TensorFlow (.pb)", tf2onnx + " (option graphdef)"}
	}
	return Format{}
}

// markup recognizes HTML, XML and JSON, after a byte order mark and spaces.
func markup(b []byte) Format {
	text := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")))
	switch {
	case strings.HasPrefix(text, "<?xml") && strings.Contains(text, "<net "), strings.HasPrefix(text, "<net "):
		return Format{"a model of OpenVINO", "use the .onnx file that it was made of"}
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"), strings.HasPrefix(text, "<head"), strings.HasPrefix(text, "<!--"), strings.HasPrefix(text, "<") && strings.Contains(text, "<html"):
		return Format{"a web page (HTML)", download}
	case strings.HasPrefix(text, "<?xml"), strings.HasPrefix(text, "<error"):
		return Format{"a document in XML, such as the error of a file server", download}
	case strings.HasPrefix(text, "{\""), strings.HasPrefix(text, "{\n"), strings.HasPrefix(text, "{ "), strings.HasPrefix(text, "[{"):
		return Format{"a text in JSON", download}
	}
	return Format{}
}

// zeros recognizes a file whose space was allocated, and whose content is missing.
func zeros(b []byte) Format {
	if len(b) >= 64 && len(bytes.Trim(b, "\x00")) == 0 {
		return Format{"a file of zeros, perhaps of an interrupted download", "copy or download it again"}
	}
	return Format{}
}
