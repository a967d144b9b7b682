package rpcfast

import (
	"slices"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// field is a bytes field of a message, or a field of messages that have bytes fields.
type field struct {
	descriptor protoreflect.FieldDescriptor
	number     protoreflect.FieldNumber
	list       bool
	// alone: the field is in no oneof, so that no other field on the wire clears it.
	alone bool
	// inner are the bytes fields of a field of messages, not of messages within those; nil
	// for a bytes field.
	inner []field
}

// fieldSet is a set of a message's fields: bit i is the field at i.
type fieldSet uint64

const maxFields = 64

// known caches the bytes fields of messages by descriptor, and knownParts the fields that can
// become parts. They have one entry for each message type.
var known, knownParts sync.Map // of protoreflect.MessageDescriptor to []field

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
		fields = append(fields, field{descriptor: fd, number: fd.Number(), list: fd.IsList(), alone: oneof == nil || oneof.IsSynthetic()})
	}
	known.Store(d, fields)
	return fields
}

// partFieldsOf returns a message's own bytes fields and then its fields of messages that have
// bytes fields, each in the order of their numbers. Of such a message no more than maxFields of
// both are returned.
func partFieldsOf(d protoreflect.MessageDescriptor) []field {
	if fields, ok := knownParts.Load(d); ok {
		return fields.([]field)
	}
	fields := slices.Clone(bytesFieldsOf(d))
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		if fd.Kind() != protoreflect.MessageKind || fd.IsMap() || fd.Cardinality() == protoreflect.Required || len(fields) >= maxFields {
			continue
		}
		if inner := bytesFieldsOf(fd.Message()); len(inner) > 0 {
			fields = append(fields, field{descriptor: fd, number: fd.Number(), list: fd.IsList(), inner: inner})
		}
	}
	knownParts.Store(d, fields)
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
