package rpc

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

// detachLeast is the size from which a bytes field is sent from where it is.
const detachLeast = 16 << 10

// detached is a large bytes field that was taken out of a message.
type detached struct {
	descriptor protoreflect.FieldDescriptor
	value      protoreflect.Value
}

// encoded is a message in parts: the encoding of its small fields in a buffer of the
// pool, behind room for a prefix, and large bytes fields where they are.
type encoded struct {
	head  []byte
	large [][]byte
	// tags are the tags and lengths of large, which stand before them.
	tags [][]byte
	size int
}

// encode encodes m with room for prefix bytes in front. The parts alias m's large
// bytes fields; the caller frees the rest by release. m is as it was afterwards.
func encode(m proto.Message, prefix int) (*encoded, error) {
	reflected := m.ProtoReflect()
	taken := detach(reflected)
	defer func() {
		for _, d := range taken {
			reflected.Set(d.descriptor, d.value)
		}
	}()
	options := proto.MarshalOptions{}
	size := options.Size(m)
	e := &encoded{size: size}
	buf := bufpool.Get(prefix + size)[:prefix]
	options.UseCachedSize = true
	head, err := options.MarshalAppend(buf, m)
	if err != nil {
		bufpool.Put(buf)
		return nil, err
	}
	e.head = head
	for _, d := range taken {
		if !d.descriptor.IsList() {
			e.add(d.descriptor.Number(), d.value.Bytes())
			continue
		}
		for list, i := d.value.List(), 0; i < list.Len(); i++ {
			e.add(d.descriptor.Number(), list.Get(i).Bytes())
		}
	}
	return e, nil
}

// detach takes the large bytes fields out of a message; a list goes as a whole, so
// that its elements keep their order.
func detach(m protoreflect.Message) []detached {
	var taken []detached
	for _, f := range bytesFieldsOf(m.Descriptor()) {
		if !m.Has(f.descriptor) {
			continue
		}
		value := m.Get(f.descriptor)
		large := !f.list && len(value.Bytes()) >= detachLeast
		if f.list {
			for list, i := value.List(), 0; i < list.Len() && !large; i++ {
				large = len(list.Get(i).Bytes()) >= detachLeast
			}
		}
		if large {
			taken = append(taken, detached{f.descriptor, value})
		}
	}
	for _, d := range taken {
		m.Clear(d.descriptor)
	}
	return taken
}

// add adds a bytes field: to the head where it is small and nothing large came before.
func (e *encoded) add(number protowire.Number, value []byte) {
	tag := protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.BytesType), uint64(len(value)))
	e.size += len(tag) + len(value)
	e.tags, e.large = append(e.tags, tag), append(e.large, value)
}

// writeTo writes the parts.
func (e *encoded) writeTo(write func([]byte) error) error {
	head := e.head
	for i, value := range e.large {
		head = append(head, e.tags[i]...)
		if err := write(head); err != nil {
			return err
		}
		if err := write(value); err != nil {
			return err
		}
		head = head[:0]
	}
	if len(head) > 0 || len(e.large) == 0 {
		return write(head)
	}
	return nil
}

func (e *encoded) release() { bufpool.Put(e.head); e.head = nil }
