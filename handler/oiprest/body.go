package oiprest

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// body is the body of a request, decompressed, in a pooled buffer.
type body struct {
	memory []byte
	head   int // bytes of memory before the content
}

// free returns the memory to the pool. The caller must not use it afterwards.
func (b *body) free() {
	bufpool.Put(b.memory)
	b.memory = nil
}

// bytes returns the content. It is placed such that the tensors after the JSON are aligned
// for every datatype: the engine copies a tensor that is not.
func (b *body) bytes() []byte { return b.memory[b.head:] }

// element returns the content as one element of BYTES, with its length before it. It is
// for a body that is one tensor.
func (b *body) element() []byte {
	const prefix = 4
	element := b.memory[b.head-prefix:]
	binary.LittleEndian.PutUint32(element, uint32(len(b.bytes())))
	return element
}

// readBody reads the body of a request, decompressed, up to the limit of the server.
// jsonLength is that of the request's header, -1 where it has none. The caller frees the
// body when the model does not read it any more.
func (h *Handler) readBody(r *http.Request, jsonLength int) (*body, error) {
	limit := h.options.MaxBodyBytes
	if r.ContentLength > limit {
		return nil, wire.TooLarge(r.ContentLength, limit)
	}
	content, compressed, err := decompressed(&limitedReader{r.Body, limit, limit}, r.Header.Values(wire.HeaderContentEncoding))
	if err != nil {
		return nil, err
	}
	length := r.ContentLength
	if compressed {
		length = wire.UnknownSize
	}
	b := &body{head: bufpool.Alignment}
	if jsonLength > 0 {
		b.head += (bufpool.Alignment - jsonLength%bufpool.Alignment) % bufpool.Alignment
	}
	if b.memory, err = wire.ReadBodyAfter(content, b.head, length, limit); err != nil {
		return nil, bodyError(err, limit)
	}
	if compressed {
		admission.Settle(r.Context(), int64(len(b.bytes()))) // its size is known now
	}
	return b, nil
}

// limitedReader ends with an error after limit bytes. It bounds the reading of a compressed
// body that decompresses to nothing.
type limitedReader struct {
	content     io.Reader
	left, limit int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, wire.TooLarge(wire.UnknownSize, l.limit)
	}
	n, err := l.content.Read(p[:min(int64(len(p)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		return n, wire.TooLarge(wire.UnknownSize, l.limit)
	}
	return n, err
}

// bodyError returns the error of a body whose reading ended early.
func bodyError(err error, limit int64) error {
	if errors.Is(err, wire.ErrMore) {
		return wire.TooLarge(wire.UnknownSize, limit)
	}
	if _, ok := errors.AsType[*connect.Error](err); ok || errors.Is(err, infer.ErrInvalid) {
		return err
	}
	return infer.Invalidf("body: it ended early: %v", err)
}

// readJSONLength returns the length of the JSON that a request's header gives; -1
// without the header.
func readJSONLength(r *http.Request) (int, error) {
	values := r.Header.Values(wire.HeaderJSONLength)
	if len(values) == 0 {
		return -1, nil
	}
	text := strings.TrimSpace(values[0])
	length, err := strconv.ParseUint(text, 10, 31)
	if err != nil || len(values) > 1 {
		return 0, infer.Invalidf("%s is %q: give the length of the JSON in bytes, 0 for a body that is one tensor", wire.HeaderJSONLength, strings.Join(values, ", "))
	}
	return int(length), nil
}
