package oiprest

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// joinedBytes is the size up to which an answer's tensors are copied after its JSON, for
// one write. Larger ones are written from their own memory.
const joinedBytes = 32 << 10

// pooledBytes is the size above which a response's buffer does not return to the pool.
const pooledBytes = 4 << 20

// buffer is pooled memory for the JSON of a response, or for a compressed response.
type buffer struct{ memory []byte }

var buffers = sync.Pool{New: func() any { return &buffer{} }}

func newBuffer() *buffer { return buffers.Get().(*buffer) }

// free returns the memory to the pool. The caller must not use it afterwards.
func (b *buffer) free() {
	if cap(b.memory) <= pooledBytes {
		b.memory = b.memory[:0]
		buffers.Put(b)
	}
}

// writeResult answers with a result: its JSON, and the outputs of binary after it. It is
// compressed where the caller accepts that.
func (h *Handler) writeResult(w http.ResponseWriter, r *http.Request, result *infer.Result, binary binaryOutputs) error {
	release, err := holdText(r, result, &binary)
	if err != nil {
		result.Release()
		return err
	}
	defer release()
	text, compressed := newBuffer(), newBuffer()
	if text.memory, err = appendResult(text.memory[:0], result, &binary); err != nil {
		return err
	}
	jsonLength, size := len(text.memory), 0
	parts := [][]byte{nil}
	for i := range result.Outputs {
		if out := &result.Outputs[i]; binary.has(i) && len(out.Data) > 0 {
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
	header.Add(wire.HeaderVary, wire.HeaderAcceptEncoding)
	if coding := wire.AcceptedCodec(r.Header, wire.CodecGzip, wire.CodecDeflate); coding != "" && length >= compressBytes {
		release, err := admission.Hold(r.Context(), int64(length))
		if err != nil {
			result.Release()
			return err
		}
		defer release()
		if compressed.memory, err = compress(compressed.memory[:0], coding, parts); err != nil {
			return err
		}
		header.Set(wire.HeaderContentEncoding, coding)
		parts, length = [][]byte{compressed.memory}, len(compressed.memory)
	}
	header.Set(wire.HeaderContentType, "application/json")
	if size > 0 {
		header.Set(wire.HeaderContentType, "application/octet-stream")
		header.Set(wire.HeaderJSONLength, strconv.Itoa(jsonLength))
	}
	header.Set(wire.HeaderContentLength, strconv.Itoa(length))
	w.WriteHeader(http.StatusOK)
	if writeAll(w, parts) {
		text.free()
		compressed.free()
		result.Release()
	}
	return nil
}

// holdText reserves memory for the JSON of an answer. The caller calls release when it is written.
func holdText(r *http.Request, result *infer.Result, binary *binaryOutputs) (release func(), err error) {
	size := int64(0)
	for i := range result.Outputs {
		if out := &result.Outputs[i]; out.Region == nil && !binary.has(i) {
			size += tensorjson.MaxDataBytes(out.Tensor)
		}
	}
	return admission.Hold(r.Context(), size)
}

// writeAll writes parts and reports whether their memory can be reused. It cannot when the
// caller left: HTTP/2 then returns while it may still send from that memory.
func writeAll(w http.ResponseWriter, parts [][]byte) bool {
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return false
		}
	}
	return true
}

// appendResult appends the JSON of a result. A tensor has parameters only where it is
// after the JSON: clients recognize such a tensor by them.
func appendResult(dst []byte, result *infer.Result, binary *binaryOutputs) ([]byte, error) {
	dst = append(dst, '{')
	if result.ID != "" {
		dst = append(tensorjson.AppendString(append(dst, `"id":`...), result.ID), ',')
	}
	dst = tensorjson.AppendString(append(dst, `"model_name":`...), result.Model)
	dst = tensorjson.AppendString(append(dst, `,"model_version":`...), result.Version)
	dst = append(dst, `,"outputs":[`...)
	for i := range result.Outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendOutput(dst, &result.Outputs[i], binary.has(i)); err != nil {
			return nil, err
		}
	}
	return append(dst, `]}`...), nil
}

func appendOutput(dst []byte, out *infer.ResultOutput, binary bool) ([]byte, error) {
	dst = tensorjson.AppendString(append(dst, `{"name":`...), out.Name)
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
	case out.Region != nil:
	case binary:
		dst = strconv.AppendInt(append(dst, `,"parameters":{"binary_data_size":`...), int64(len(out.Data)), 10)
		dst = append(dst, '}')
	default:
		dst, err = tensorjson.AppendData(append(dst, `,"data":`...), out.Name, out.Tensor)
	}
	return append(dst, '}'), err
}
