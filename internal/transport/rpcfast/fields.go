package rpcfast

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// field is a bytes field of a message.
type field struct {
	descriptor protoreflect.FieldDescriptor
	number     protoreflect.FieldNumber
	list       bool
	// alone: the field is in no oneof, so that no other field on the wire clears it.
	alone bool
}

// fieldSet is a set of a message's fields: bit i is the field at i.
type fieldSet uint64

const maxFields = 64

// known caches the bytes fields of messages by descriptor. It has one entry for each message
// type.
var known sync.Map // of protoreflect.MessageDescriptor to []field

// bytesFieldsOf returns a message's own bytes fields in the order of their numbers, without
// extensions and without required fields of proto2: a message without these can neither be
// decoded nor encoded.
func bytesFieldsOf(d protoreflect.MessageDescriptor) []field {
	if fields, ok := known.Load(d); ok {
		return fields.([]field)
	}
	fields := []field{}
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		if fd.Kind() != protoreflect.BytesKind || fd.Cardinality() == protoreflect.Required || len(fields) == maxFields {
			continue
		}
		oneof := fd.ContainingOneof()
		fields = append(fields, field{fd, fd.Number(), fd.IsList(), oneof == nil || oneof.IsSynthetic()})
	}
	known.Store(d, fields)
	return fields
}

// find returns the index of the field with a number, or -1.
func find(fields []field, number protoreflect.FieldNumber) int {
	for i := range fields {
		if fields[i].number == number {
			return i
		}
	}
	return -1
}
