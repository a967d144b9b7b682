package oiprest

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

const (
	// firstBytes bounds the memory for a body before its first bytes arrive: an announced
	// length is not to be trusted.
	firstBytes = 1 << 20
	// unknownBytes is the first memory for a body of unknown length.
	unknownBytes = 16 << 10
	// tensorAlignment is the alignment of the widest datatype.
	tensorAlignment = 8
	// keptBytes is the size above which a buffer does not return to the pool.
	keptBytes = 4 << 20
)

// jsonLengthHeader has the length of the JSON in a request or an answer with tensors after
// it. On a request, 0 means no JSON: the body is one tensor. Without the header a body is
// all JSON.
const jsonLengthHeader = "Inference-Header-Content-Length"

// buffer is pooled memory of a request's body, or of an answer's JSON.
type buffer struct{ memory []byte }

var buffers = sync.Pool{New: func() any { return &buffer{} }}

func newBuffer() *buffer { return buffers.Get().(*buffer) }

// free returns the memory to the pool. The caller must not use it afterwards.
func (b *buffer) free() {
	if cap(b.memory) <= keptBytes {
		b.memory = b.memory[:0]
		buffers.Put(b)
	}
}

// body is the body of a request, decompressed.
type body struct {
	*buffer
	lead int
}

// bytes returns the content. It is placed such that the tensors after the JSON are aligned
// for every datatype: the engine copies a tensor that is not.
func (b *body) bytes() []byte { return b.memory[b.lead:] }

// element returns the content as one element of BYTES, with its length before it. It is
// for a body that is one tensor.
func (b *body) element() []byte {
	const prefix = 4
	element := b.memory[b.lead-prefix:]
	binary.LittleEndian.PutUint32(element, uint32(len(b.bytes())))
	return element
}

// readBody reads the body of a request, decompressed, up to the limit of the server.
// jsonLength is that of the request's header, -1 where it has none. The caller frees the
// body when the model does not read it any more.
func (h *Handler) readBody(r *http.Request, jsonLength int) (*body, error) {
	limit := h.options.MaxBodyBytes
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	content, compressed, err := decoded(&limitedReader{r.Body, limit, limit}, r.Header.Values("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	length := r.ContentLength
	if compressed {
		length = -1
	}
	b := &body{buffer: newBuffer(), lead: tensorAlignment}
	if jsonLength > 0 {
		b.lead += (tensorAlignment - jsonLength%tensorAlignment) % tensorAlignment
	}
	if err := b.read(content, length, limit); err != nil {
		b.free()
		return nil, bodyError(err)
	}
	if compressed {
		admission.Settle(r.Context(), int64(len(b.bytes()))) // its size is known now
	}
	return b, nil
}

// read reads content to its end, which is at length bytes unless that is -1. More than
// limit bytes are an error.
func (b *body) read(content io.Reader, length, limit int64) error {
	lead := int64(b.lead)
	// With one byte more than expected, the end is reached without growing.
	size := lead + limit + 1
	first := lead + unknownBytes
	if length >= 0 {
		size = lead + length + 1
		first = lead + firstBytes
	}
	b.reserve(min(first, size))
	b.memory = b.memory[:lead]
	for {
		if len(b.memory) == cap(b.memory) {
			next := size
			if length < 0 {
				next = min(2*int64(cap(b.memory)), size)
			}
			b.grow(next)
		}
		n, err := content.Read(b.memory[len(b.memory):cap(b.memory)])
		b.memory = b.memory[:len(b.memory)+n]
		switch {
		case int64(len(b.memory))-lead > limit:
			return tooLarge(limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// reserve ensures a capacity of size bytes and discards the content.
func (b *buffer) reserve(size int64) {
	if int64(cap(b.memory)) < size {
		b.memory = make([]byte, 0, size)
	}
}

// grow ensures a capacity of size bytes and keeps the content.
func (b *buffer) grow(size int64) {
	larger := make([]byte, len(b.memory), max(size, int64(len(b.memory))+1))
	copy(larger, b.memory)
	b.memory = larger
}

// limitedReader ends with an error after limit bytes. It bounds the reading of a compressed
// body that decompresses to nothing.
type limitedReader struct {
	content     io.Reader
	left, limit int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, tooLarge(l.limit)
	}
	n, err := l.content.Read(p[:min(int64(len(p)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		return n, tooLarge(l.limit)
	}
	return n, err
}

func tooLarge(limit int64) error {
	return connect.Errorf(connect.CodeResourceExhausted, "the body has more than the %d bytes, decompressed, that the server accepts (--max-message-bytes)", limit)
}

// bodyError returns the error of a body whose reading ended early.
func bodyError(err error) error {
	if _, ok := errors.AsType[*connect.Error](err); ok || errors.Is(err, infer.ErrInvalid) {
		return err
	}
	return infer.Invalidf("body: it ended early: %v", err)
}

// readJSONLength returns the length of the JSON that a request's header gives; -1
// without the header.
func readJSONLength(r *http.Request) (int, error) {
	values := r.Header.Values(jsonLengthHeader)
	if len(values) == 0 {
		return -1, nil
	}
	text := strings.TrimSpace(values[0])
	length, err := strconv.ParseUint(text, 10, 31)
	if err != nil || len(values) > 1 {
		return 0, infer.Invalidf("%s is %q: give the length of the JSON in bytes, 0 for a body that is one tensor", jsonLengthHeader, strings.Join(values, ", "))
	}
	return int(length), nil
}
