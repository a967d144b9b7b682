package tensor

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// BytesPrefix is the size in bytes of the length prefix of each BYTES element.
const BytesPrefix = 4

// AppendElement appends an element of a Bytes tensor to dst in the encoding of
// Tensor.Data and of the Open Inference Protocol's raw contents: its length in 4 bytes,
// little-endian, then its bytes. element must be shorter than 4 GiB, the limit of the
// prefix.
func AppendElement(dst, element []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(element)))
	return append(dst, element...)
}

// BytesElements iterates over the elements of a Bytes tensor's data. CheckBytes or
// Tensor.Validate must have accepted data. The elements alias data; their capacity is
// limited, so that an append does not write into the next element.
func BytesElements(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := data; len(rest) >= BytesPrefix; {
			end := BytesPrefix + int(binary.LittleEndian.Uint32(rest))
			if !yield(rest[BytesPrefix:end:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// CheckBytes reports whether data consists of exactly the given number of BYTES
// elements. An error names the first truncated element or the surplus bytes. Its time
// is linear in data's length, regardless of elements.
func CheckBytes(data []byte, elements int64) error {
	rest := data
	for i := range elements {
		if len(rest) == 0 {
			return fmt.Errorf("found %d BYTES elements, want %d", i, elements)
		}
		if len(rest) < BytesPrefix {
			return fmt.Errorf("BYTES element %d of %d is truncated: its length prefix needs %d bytes, found %d", i, elements, BytesPrefix, len(rest))
		}
		length := binary.LittleEndian.Uint32(rest)
		rest = rest[BytesPrefix:]
		if uint64(length) > uint64(len(rest)) {
			return fmt.Errorf("BYTES element %d of %d is truncated: its length prefix declares %d bytes, found %d", i, elements, length, len(rest))
		}
		rest = rest[length:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d BYTES elements have %d bytes, found %d more", max(elements, 0), len(data)-len(rest), len(rest))
	}
	return nil
}
