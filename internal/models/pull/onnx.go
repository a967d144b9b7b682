package pull

import (
	"fmt"
	"strings"
)

// modelTags are the bytes with which an ONNX file can begin: the protobuf tags of
// ModelProto's fields in onnx.proto. Writers begin with the first, ir_version.
const modelTags = "\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca\xd2"

// checkONNX checks the beginning of a file, one byte or more. The error is an
// ErrNotModel for other content: a web page, an archive, a pointer of Git LFS.
func checkONNX(beginning []byte) error {
	if strings.IndexByte(modelTags, beginning[0]) >= 0 {
		return nil
	}
	return fmt.Errorf("%w: it begins with %q: use the URL of the file itself, not of a page, an archive or a pointer", ErrNotModel, beginning[:min(len(beginning), 24)])
}
