package handler

import (
	"net/http"
	"strconv"

	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// joinedBytes is the size up to which an answer's tensors are copied behind its JSON,
// to be written at once. Larger ones are written from where they are.
const joinedBytes = 32 << 10

// writeResult answers with a result: its JSON, and behind it the outputs that are
// wanted so. It is compressed where the caller takes that.
func (s *REST) writeResult(w http.ResponseWriter, r *http.Request, result *inferResult) error {
	text, compressed := newBuffer(), newBuffer()
	var err error
	if text.memory, err = appendResult(text.memory[:0], result); err != nil {
		return err
	}
	jsonLength, size := len(text.memory), 0
	parts := [][]byte{nil}
	for i := range result.outputs {
		if out := &result.outputs[i]; out.binary && len(out.Data) > 0 {
			parts = append(parts, out.Data)
			size += len(out.Data)
		}
	}
	if size <= joinedBytes {
		for _, part := range parts[1:] {
			text.memory = append(text.memory, part...)
		}
		parts = parts[:1]
	}
	parts[0] = text.memory
	length := jsonLength + size

	header := w.Header()
	header.Add("Vary", "Accept-Encoding")
	if coding := chooseCoding(r.Header); coding != "" && length >= compressBytes {
		if compressed.memory, err = compress(compressed.memory[:0], coding, parts); err != nil {
			return err
		}
		header.Set("Content-Encoding", coding)
		parts, length = [][]byte{compressed.memory}, len(compressed.memory)
	}
	header.Set("Content-Type", "application/json")
	if size > 0 {
		header.Set("Content-Type", "application/octet-stream")
		header.Set(jsonLengthHeader, strconv.Itoa(jsonLength))
	}
	header.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(http.StatusOK)
	if writeAll(w, parts) {
		text.free()
		compressed.free()
		result.computed.Release()
	}
	return nil
}

// writeAll writes parts and reports whether they are free again. They are not when the
// caller has gone: HTTP/2 gives up then, and may still be sending what it was given.
func writeAll(w http.ResponseWriter, parts [][]byte) bool {
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return false
		}
	}
	return true
}

// appendResult appends the JSON of a result. A tensor has parameters only where it is
// behind the JSON, for which clients take that they are.
func appendResult(dst []byte, result *inferResult) ([]byte, error) {
	dst = append(dst, '{')
	if result.id != "" {
		dst = append(tensorjson.AppendString(append(dst, `"id":`...), result.id), ',')
	}
	dst = tensorjson.AppendString(append(dst, `"model_name":`...), result.model)
	dst = tensorjson.AppendString(append(dst, `,"model_version":`...), result.version)
	dst = append(dst, `,"outputs":[`...)
	for i := range result.outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendOutput(dst, &result.outputs[i]); err != nil {
			return nil, err
		}
	}
	return append(dst, `]}`...), nil
}

func appendOutput(dst []byte, out *inferredOutput) ([]byte, error) {
	dst = tensorjson.AppendString(append(dst, `{"name":`...), out.name)
	dst = tensorjson.AppendString(append(dst, `,"datatype":`...), out.DataType.String())
	dst = append(dst, `,"shape":[`...)
	for axis, size := range out.Shape {
		if axis > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, size, 10)
	}
	dst = append(dst, ']')
	var err error
	switch {
	case out.region != nil:
	case out.binary:
		dst = strconv.AppendInt(append(dst, `,"parameters":{"binary_data_size":`...), int64(len(out.Data)), 10)
		dst = append(dst, '}')
	default:
		dst, err = tensorjson.AppendData(append(dst, `,"data":`...), out.name, out.Tensor)
	}
	return append(dst, '}'), err
}
