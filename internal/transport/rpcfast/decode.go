package rpcfast

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// aliasMinBytes is the size from which aliasing a bytes field is faster than copying it.
const aliasMinBytes = 4 << 10

// decode decodes data into m as proto.Unmarshal does, with the same result and errors. Where a
// bytes field of m itself, not of a nested message, has a value of minBytes or more, all its
// values alias data, and largest is the largest of them: data must not change while m is in
// use. Otherwise m does not alias data, and largest is nil.
func decode(data []byte, m proto.Message, minBytes int) (largest []byte, err error) {
	if len(data) < minBytes {
		return nil, proto.Unmarshal(data, m)
	}
	fields := bytesFieldsOf(m.ProtoReflect().Descriptor())
	large, rest, ok := findLarge(data, fields, minBytes)
	if !ok || large == 0 {
		return nil, proto.Unmarshal(data, m)
	}
	return decodeAround(data, m, fields, large, rest)
}

// next returns the number of the first field of data, its size with the tag, and its value if
// the field is length-delimited, else nil. Malformed data has size -1.
func next(data []byte) (number protowire.Number, size int, value []byte) {
	number, kind, tag := protowire.ConsumeTag(data)
	if tag < 0 {
		return 0, -1, nil
	}
	if kind == protowire.BytesType {
		v, n := protowire.ConsumeBytes(data[tag:])
		if n < 0 {
			return 0, -1, nil
		}
		return number, tag + n, v
	}
	n := protowire.ConsumeFieldValue(number, kind, data[tag:])
	if n < 0 {
		return 0, -1, nil
	}
	return number, tag + n, nil
}

// findLarge returns the fields with a value of minBytes or more in data, and the size of all
// others with their tags. ok is false where data is malformed.
func findLarge(data []byte, fields []field, minBytes int) (large fieldSet, rest int, ok bool) {
	if len(fields) == 0 {
		return 0, len(data), true
	}
	var sizes [maxFields]int
	for at := data; len(at) > 0; {
		number, size, value := next(at)
		if size < 0 {
			return 0, 0, false
		}
		if value != nil {
			if i := find(fields, number); i >= 0 && fields[i].alone {
				sizes[i] += size
				if len(value) >= minBytes {
					large |= 1 << i
				}
			}
		}
		at = at[size:]
	}
	rest = len(data)
	for i := range fields {
		if large&(1<<i) != 0 {
			rest -= sizes[i]
		}
	}
	return large, rest, true
}

// decodeAround decodes all of data but the large fields, which is rest bytes, and then sets the
// large fields to the memory of data. The values of one field keep their order; the order of
// different fields has no meaning in Protobuf.
func decodeAround(data []byte, m proto.Message, fields []field, large fieldSet, rest int) (largest []byte, err error) {
	small := bufpool.Get(rest)[:0]
	defer func() { bufpool.Put(small) }() // proto.Unmarshal keeps no reference
	for at := data; len(at) > 0; {
		number, size, value := next(at)
		if i := find(fields, number); i < 0 || value == nil || large&(1<<i) == 0 {
			small = append(small, at[:size]...)
		}
		at = at[size:]
	}
	if err := proto.Unmarshal(small, m); err != nil {
		return nil, err
	}
	reflected := m.ProtoReflect()
	for at := data; len(at) > 0; {
		number, size, value := next(at)
		at = at[size:]
		i := find(fields, number)
		if i < 0 || value == nil || large&(1<<i) == 0 {
			continue
		}
		if largest == nil || len(value) > len(largest) {
			largest = value
		}
		// The capacity ends with the value, so that append does not overwrite what
		// follows.
		v := protoreflect.ValueOfBytes(slices.Clip(value))
		if fields[i].list {
			reflected.Mutable(fields[i].descriptor).List().Append(v)
		} else {
			reflected.Set(fields[i].descriptor, v)
		}
	}
	return largest, nil
}
