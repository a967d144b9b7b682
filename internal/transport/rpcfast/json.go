package rpcfast

import (
	"errors"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
	"github.com/tensorwire/tensorwire/internal/transport/wire/decoded"
	"github.com/tensorwire/tensorwire/internal/transport/wire/messagejson"
)

// errEmptyJSON has the text of connectproto for it.
var errEmptyJSON = errors.New("zero-length payload is not a valid JSON object")

// decodeJSON decodes a message of JSON, and returns buf to the pool. The message's largest bytes
// value is in a pooled buffer of its own, as that of a binary message is.
func (c *call) decodeJSON(buf []byte, msg any) error {
	defer bufpool.Put(buf)
	m, ok := msg.(proto.Message)
	if !ok {
		return malformed(notAMessage(msg))
	}
	if len(buf) == 0 {
		return malformed(errEmptyJSON)
	}
	estimate, large, err := decoded.PlanOf(m.ProtoReflect().Descriptor()).JSON(buf)
	if err != nil {
		return malformed(err)
	}
	release, err := grow(c.ctx, estimate, buf)
	if err != nil {
		return MemoryError(err)
	}
	defer release()
	message := pooledBytes{min: largestBytes(large) / 4 * 3}
	if err := messagejson.Unmarshal(buf, large, m, protojson.UnmarshalOptions{DiscardUnknown: true}, message.allocate); err != nil {
		bufpool.Put(message.buf)
		return malformed(err)
	}
	c.info.ReceiveStats = connect.MessageStats{Size: len(buf)}
	c.leases.hold(m, message.buf)
	return nil
}

// largestBytes returns the length of the longest text of bytes.
func largestBytes(large []decoded.Large) (longest int) {
	for i := range large {
		if large[i].Field.Kind() == protoreflect.BytesKind {
			longest = max(longest, large[i].End-large[i].Begin-len(`""`))
		}
	}
	return longest
}

// pooledBytes allocates one value of at least min bytes in a pooled buffer. All others are the
// garbage collector's.
type pooledBytes struct {
	min int
	buf []byte
}

func (p *pooledBytes) allocate(n int) []byte {
	if p.buf == nil && n >= p.min && n >= aliasMinBytes {
		p.buf = bufpool.GetMessage(n)
		return p.buf
	}
	return make([]byte, n)
}

// encodeJSON encodes m in JSON into one part. It is only read, as by encode.
func (e *encoded) encodeJSON(m proto.Message, hold func(n int) (release func(), err error)) error {
	size := proto.Size(m)
	if n := int(jsonBytes(m.ProtoReflect(), int64(size))); n >= admission.MinHold {
		release, err := hold(n)
		if err != nil {
			return err
		}
		e.unhold = release
	}
	text, err := messagejson.Append(bufpool.Get(size + size/2)[:0], m, protojson.MarshalOptions{})
	if err != nil {
		return err // the reservation ends with the request
	}
	e.buf, e.size, e.parts = text, len(text), append(e.few[:0], text)
	return nil
}
