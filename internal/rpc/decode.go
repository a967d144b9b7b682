package rpc

import (
	"fmt"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// aliasLeast is the size from which a bytes field is worth being aliased.
const aliasLeast = 4 << 10

// decode decodes data into m, which is empty. Bytes fields of m itself, not of messages
// in it, alias data where one of them has aliasLeast bytes or more, which aliases
// reports.
func decode(data []byte, m proto.Message) (aliases bool, err error) {
	fields := bytesFieldsOf(m.ProtoReflect().Descriptor())
	if len(data) < aliasLeast || len(fields) == 0 {
		return false, proto.Unmarshal(data, m)
	}
	large, err := findLarge(data, fields)
	if err != nil {
		return false, err
	}
	if large == nil {
		return false, proto.Unmarshal(data, m)
	}
	return true, decodeAround(data, m, large)
}

// field is a bytes field that is aliased.
type field struct {
	descriptor protoreflect.FieldDescriptor
	list       bool
}

// bytesFields caches the bytes fields of messages by their descriptors.
var bytesFields sync.Map // of protoreflect.MessageDescriptor to map[protowire.Number]field

func bytesFieldsOf(d protoreflect.MessageDescriptor) map[protowire.Number]field {
	if known, ok := bytesFields.Load(d); ok {
		return known.(map[protowire.Number]field)
	}
	fields := map[protowire.Number]field{}
	for i := range d.Fields().Len() {
		if fd := d.Fields().Get(i); fd.Kind() == protoreflect.BytesKind {
			fields[fd.Number()] = field{fd, fd.IsList()}
		}
	}
	bytesFields.Store(d, fields)
	return fields
}

// next returns the tag of the field that data begins with, its length with the tag,
// and its value where it is of the length-delimited type.
func next(data []byte) (number protowire.Number, size int, value []byte, err error) {
	number, kind, n := protowire.ConsumeTag(data)
	if n < 0 {
		return 0, 0, nil, protowire.ParseError(n)
	}
	if kind == protowire.BytesType {
		v, m := protowire.ConsumeBytes(data[n:])
		if m < 0 {
			return 0, 0, nil, protowire.ParseError(m)
		}
		return number, n + m, v, nil
	}
	m := protowire.ConsumeFieldValue(number, kind, data[n:])
	if m < 0 {
		return 0, 0, nil, protowire.ParseError(m)
	}
	return number, n + m, nil, nil
}

// findLarge returns the fields that have a large value in data, and what they are.
func findLarge(data []byte, fields map[protowire.Number]field) (map[protowire.Number]field, error) {
	var large map[protowire.Number]field
	for len(data) > 0 {
		number, size, value, err := next(data)
		if err != nil {
			return nil, err
		}
		if f, ok := fields[number]; ok && len(value) >= aliasLeast {
			if large == nil {
				large = map[protowire.Number]field{}
			}
			large[number] = f
		}
		data = data[size:]
	}
	return large, nil
}

// decodeAround decodes all of data but the large fields, and then sets those.
func decodeAround(data []byte, m proto.Message, large map[protowire.Number]field) error {
	rest := make([]byte, 0, 512)
	reflected := m.ProtoReflect()
	type found struct {
		field
		value []byte
	}
	var values []found
	for at := data; len(at) > 0; {
		number, size, value, err := next(at)
		if err != nil {
			return err
		}
		if f, ok := large[number]; ok && value != nil {
			values = append(values, found{f, value})
		} else {
			rest = append(rest, at[:size]...)
		}
		at = at[size:]
	}
	if err := proto.Unmarshal(rest, m); err != nil {
		return err
	}
	for _, v := range values {
		value := protoreflect.ValueOfBytes(v.value[:len(v.value):len(v.value)])
		if v.list {
			reflected.Mutable(v.descriptor).List().Append(value)
		} else {
			reflected.Set(v.descriptor, value)
		}
	}
	return nil
}

func notAMessage(msg any) error { return fmt.Errorf("rpc: %T is no protobuf message", msg) }
