package tensor

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// BytesPrefix is the size in bytes of the length before each element of BYTES.
const BytesPrefix = 4

// AppendElement appends an element of a Bytes tensor to dst, as Tensor.Data and the
// Open Inference Protocol's raw contents hold it: its length in 4 bytes,
// little-endian, and its bytes. element must be shorter than 4 GiB, which the
// prefix cannot say.
func AppendElement(dst, element []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(element)))
	return append(dst, element...)
}

// BytesElements iterates over the elements of a Bytes tensor's data, which
// CheckBytes or Tensor.Validate must have accepted. The elements are data's own
// memory, cut so that appending to one does not write into the next.
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

// CheckBytes reports whether data is the given number of BYTES elements and nothing
// more. An error names the first element that is not all there, or what is left
// over. It takes time by data's length, however many elements are asked for.
func CheckBytes(data []byte, elements int64) error {
	rest := data
	for i := range elements {
		if len(rest) == 0 {
			return fmt.Errorf("found %d BYTES elements, want %d", i, elements)
		}
		if len(rest) < BytesPrefix {
			return fmt.Errorf("BYTES element %d of %d: %d bytes are left, and its length prefix takes %d", i, elements, len(rest), BytesPrefix)
		}
		length := binary.LittleEndian.Uint32(rest)
		rest = rest[BytesPrefix:]
		if uint64(length) > uint64(len(rest)) {
			return fmt.Errorf("BYTES element %d of %d: its length prefix says %d bytes, and %d are left", i, elements, length, len(rest))
		}
		rest = rest[length:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d BYTES elements take %d bytes, found %d more", max(elements, 0), len(data)-len(rest), len(rest))
	}
	return nil
}
