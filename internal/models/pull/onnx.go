package pull

import (
	"fmt"
	"strings"
)

// modelTags are the bytes with which an ONNX file can begin: the tag of one of
// ModelProto's fields, of its number and kind, as onnx.proto has them. Writers begin
// with the first, ir_version.
const modelTags = "\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca\xd2"

// looksLikeONNX takes the beginning of a file, one byte or more. It is an error where
// that is evidently something else: a web page, an archive, a pointer of Git LFS.
func looksLikeONNX(beginning []byte) error {
	if strings.IndexByte(modelTags, beginning[0]) >= 0 {
		return nil
	}
	return fmt.Errorf("%w: it begins with %q: give the address of the file itself, not of a page, an archive or a pointer", ErrNotModel, beginning[:min(len(beginning), 24)])
}
