package rpcfast

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// field is a bytes field of a message, whose values may be large.
type field struct {
	descriptor protoreflect.FieldDescriptor
	number     protoreflect.FieldNumber
	list       bool
	// alone says that no other field of the wire changes it: it is in no oneof.
	alone bool
}

// fieldSet says which of a message's fields are meant: bit i is the field at i.
type fieldSet uint64

const mostFields = 64

// known caches the bytes fields of messages by their descriptors. There are as many as
// there are types of messages.
var known sync.Map // of protoreflect.MessageDescriptor to []field

// bytesFieldsOf returns the bytes fields that a message itself has, in the order of
// their numbers. Those that proto2 requires are not among them: a message without them
// can neither be decoded nor encoded. Nor are extensions.
func bytesFieldsOf(d protoreflect.MessageDescriptor) []field {
	if fields, ok := known.Load(d); ok {
		return fields.([]field)
	}
	fields := []field{}
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		if fd.Kind() != protoreflect.BytesKind || fd.Cardinality() == protoreflect.Required || len(fields) == mostFields {
			continue
		}
		oneof := fd.ContainingOneof()
		fields = append(fields, field{fd, fd.Number(), fd.IsList(), oneof == nil || oneof.IsSynthetic()})
	}
	known.Store(d, fields)
	return fields
}

// find returns which field has a number, or -1.
func find(fields []field, number protoreflect.FieldNumber) int {
	for i := range fields {
		if fields[i].number == number {
			return i
		}
	}
	return -1
}
