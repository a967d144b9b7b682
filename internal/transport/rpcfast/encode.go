package rpcfast

import (
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// detachMinBytes is the size from which a bytes field is written from where it is. Below it a
// copy costs less than a separate write.
const detachMinBytes = 16 << 10

// encoded is a message in parts. The zero value is ready for encode, as is one after release.
type encoded struct {
	// buf is pooled: it has a prefix, all small fields, and the tags and lengths of the
	// large ones.
	buf []byte
	// parts are written in order: pieces of buf, and between them the large fields, not
	// copied.
	parts [][]byte
	// size is the message's without the prefix, and raw that of its bytes fields' values.
	size, raw int
	// few is memory for the parts of most messages.
	few [3][]byte
	// unhold ends the reservation of buf; nil: there is none.
	unhold func()
}

// encode encodes m after prefix unused bytes. Values of minBytes or more become parts, of m's
// own bytes fields and of those of messages that are fields of m (not of messages within
// those): they must not change until release. m is only read, so that several
// calls may encode one message concurrently, such as a cached response. hold reserves e's own
// memory where that is large.
func (e *encoded) encode(m proto.Message, prefix, minBytes int, hold func(n int) (release func(), err error)) error {
	reflected := m.ProtoReflect()
	fields := partFieldsOf(reflected.Descriptor())
	large, room, raw := detachable(reflected, fields, minBytes)
	rest := m
	if large != 0 {
		rest = without(reflected, fields, large)
	}
	options := proto.MarshalOptions{}
	size := options.Size(rest)
	options.UseCachedSize = true
	if n := prefix + size + room; n >= admission.MinHold {
		release, err := hold(n)
		if err != nil {
			return err
		}
		e.unhold = release
	}
	buf := bufpool.Get(prefix + size + room)
	head, err := options.MarshalAppend(buf[:prefix], rest)
	if err != nil {
		bufpool.Put(buf)
		return err // the reservation ends with the request
	}
	a := assembler{head: head, parts: e.few[:0], minBytes: minBytes}
	if err := a.fields(reflected, fields, large); err != nil {
		bufpool.Put(buf)
		return err
	}
	e.buf, e.size, e.raw, e.parts = buf, len(a.head)-prefix+a.detached, raw, a.end()
	return nil
}

// detachable returns the fields with a large value, the size of their encoding without the large
// values (tags, lengths, small values of lists, and the rest of messages), and the size of all
// fields' values.
func detachable(m protoreflect.Message, fields []field, minBytes int) (large fieldSet, room, raw int) {
	for i := range fields {
		f := &fields[i]
		if !m.Has(f.descriptor) {
			continue
		}
		if f.inner != nil {
			own, values := detachableMessages(m, f, minBytes)
			raw += values
			if own > 0 {
				large |= 1 << i
				room += own
			}
			continue
		}
		found, own := false, 0
		for value := range values(m, f) {
			raw += len(value)
			own += protowire.SizeTag(f.number) + protowire.SizeVarint(uint64(len(value)))
			if len(value) >= minBytes {
				found = true
			} else {
				own += len(value)
			}
		}
		if found {
			large |= 1 << i
			room += own
		}
	}
	return large, room, raw
}

// values yields the values of a field of m: one, or those of a list.
func values(m protoreflect.Message, f *field) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		value := m.Get(f.descriptor)
		if !f.list {
			yield(value.Bytes())
			return
		}
		for list, i := value.List(), 0; i < list.Len(); i++ {
			if !yield(list.Get(i).Bytes()) {
				return
			}
		}
	}
}

// without returns a message that shares all fields of m except some.
func without(m protoreflect.Message, fields []field, some fieldSet) proto.Message {
	rest := m.New()
	m.Range(func(fd protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if i := find(fields, fd.Number()); i < 0 || some&(1<<i) == 0 {
			rest.Set(fd, value)
		}
		return true
	})
	rest.SetUnknown(m.GetUnknown())
	return rest.Interface()
}

// compressible returns how many bytes are worth compressing: all but the values of bytes fields.
// It is 0 where a large field is a part.
func (e *encoded) compressible() int {
	if len(e.parts) > 1 {
		return 0
	}
	return e.size - e.raw
}

// write writes the parts to w.
func (e *encoded) write(w io.Writer) error {
	for _, part := range e.parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// release returns e's own memory to the pool if reuse is set. It must not be set after a failed
// write, which may still be in progress.
func (e *encoded) release(reuse bool) {
	if reuse {
		bufpool.Put(e.buf)
		if e.unhold != nil {
			e.unhold()
		}
	}
	clear(e.parts)
	e.buf, e.parts, e.size, e.raw, e.unhold = nil, nil, 0, 0, nil
}
