package rpcfast

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// assembler makes the parts of an encoding.
type assembler struct {
	// head is the part of the encoding that is not detached. It has the capacity for all of it,
	// which detachable returned.
	head []byte
	// start is where the piece of head begins that is in no part.
	start int
	parts [][]byte
	// detached is the size of the values that are parts of their own.
	detached int
	// minBytes is the size from which a value is detached.
	minBytes int
}

// fields appends the large fields of m.
func (a *assembler) fields(m protoreflect.Message, fields []field, large fieldSet) error {
	for i := range fields {
		if large&(1<<i) == 0 {
			continue
		}
		f := &fields[i]
		if f.inner == nil {
			for value := range values(m, f) {
				a.value(f.number, value)
			}
			continue
		}
		for element := range elements(m, f) {
			if err := a.message(f, element); err != nil {
				return err
			}
		}
	}
	return nil
}

// value appends a value of a bytes field.
func (a *assembler) value(number protowire.Number, value []byte) {
	a.head = protowire.AppendTag(a.head, number, protowire.BytesType)
	a.head = protowire.AppendVarint(a.head, uint64(len(value)))
	if len(value) < a.minBytes {
		a.head = append(a.head, value...)
		return
	}
	a.parts = append(a.parts, a.head[a.start:], value)
	a.start = len(a.head)
	a.detached += len(value)
}

// message appends a message that is a value of f.
func (a *assembler) message(f *field, m protoreflect.Message) (err error) {
	large, _, _ := detachable(m, f.inner, a.minBytes)
	rest := m.Interface()
	a.head = protowire.AppendTag(a.head, f.number, protowire.BytesType)
	a.head = protowire.AppendVarint(a.head, uint64(proto.Size(rest)))
	if large != 0 {
		rest = without(m, f.inner, large)
	}
	if a.head, err = (proto.MarshalOptions{}).MarshalAppend(a.head, rest); err != nil {
		return err
	}
	return a.fields(m, f.inner, large)
}

// end returns the parts of the complete encoding.
func (a *assembler) end() [][]byte {
	if a.start < len(a.head) || a.start == 0 {
		a.parts = append(a.parts, a.head[a.start:])
	}
	return a.parts
}

// detachableMessages returns the size of the encoding of a field of messages without the large
// values in them, and the size of all values of their bytes fields. The former is 0 where no
// value is large.
func detachableMessages(m protoreflect.Message, f *field, minBytes int) (room, raw int) {
	found := false
	for element := range elements(m, f) {
		large, _, own := detachable(element, f.inner, minBytes)
		found = found || large != 0
		raw += own
	}
	if !found {
		return 0, raw
	}
	for element := range elements(m, f) {
		room += protowire.SizeTag(f.number) + protowire.SizeBytes(proto.Size(element.Interface()))
		for i := range f.inner {
			for value := range values(element, &f.inner[i]) {
				if len(value) >= minBytes {
					room -= len(value)
				}
			}
		}
	}
	return room, raw
}

// elements yields the messages of a field of m: one, or those of a list.
func elements(m protoreflect.Message, f *field) func(yield func(protoreflect.Message) bool) {
	return func(yield func(protoreflect.Message) bool) {
		value := m.Get(f.descriptor)
		if !f.list {
			yield(value.Message())
			return
		}
		for list, i := value.List(), 0; i < list.Len(); i++ {
			if !yield(list.Get(i).Message()) {
				return
			}
		}
	}
}
