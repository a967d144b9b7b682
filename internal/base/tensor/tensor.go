package tensor

import (
	"fmt"
	"unsafe"
)

// Tensor is a view of an array in memory. It owns nothing: whoever made Data says
// how long it may be read.
type Tensor struct {
	DataType DataType
	Shape    Shape
	// Data holds the elements, little-endian and row-major. For a DataType of a
	// fixed size its length is exactly Shape's number of elements times that size.
	// For Bytes it is the protocol's raw encoding (see AppendElement), so that what
	// came over the wire reaches the engine as it is.
	Data []byte
}

// Validate reports whether Data has the length that Shape and DataType ask for, and
// for Bytes whether it is exactly Shape's number of elements. ONNX Runtime itself
// takes a buffer that is longer than its shape needs.
func (t Tensor) Validate() error {
	if t.DataType == Bytes {
		elements, err := t.Shape.Elements()
		if err != nil {
			return err
		}
		if err := CheckBytes(t.Data, elements); err != nil {
			return fmt.Errorf("%v of %v: %w", t.Shape, t.DataType, err)
		}
		return nil
	}
	size, err := t.Shape.ByteSize(t.DataType)
	if err != nil {
		return err
	}
	if int64(len(t.Data)) != size {
		return fmt.Errorf("%v of %v takes %d bytes, found %d", t.Shape, t.DataType, size, len(t.Data))
	}
	return nil
}

// Number is any Go type whose slices can be viewed as a tensor's bytes.
type Number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// AsBytes returns the memory of values as bytes. The two share memory.
func AsBytes[T Number](values []T) []byte {
	if len(values) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(values[0])))
}

// View returns data as values of T. The two share memory where data is aligned
// for T, which shared reports; else values are a copy. A trailing part of data
// that is shorter than T is left out.
func View[T Number](data []byte) (values []T, shared bool) {
	var zero T
	n := len(data) / int(unsafe.Sizeof(zero))
	if n == 0 {
		return nil, true
	}
	p := unsafe.Pointer(unsafe.SliceData(data))
	if uintptr(p)%unsafe.Alignof(zero) == 0 {
		return unsafe.Slice((*T)(p), n), true
	}
	values = make([]T, n)
	copy(AsBytes(values), data)
	return values, false
}

// Aligned reports whether data lies where elements of d can be read in place.
func Aligned(data []byte, d DataType) bool {
	return len(data) == 0 || d.Size() <= 1 || uintptr(unsafe.Pointer(unsafe.SliceData(data)))%uintptr(d.Size()) == 0
}

// ShareMemory reports whether a, to its capacity, and b have a byte in common.
func ShareMemory(a, b []byte) bool {
	if cap(a) == 0 || len(b) == 0 {
		return false
	}
	first, other := uintptr(unsafe.Pointer(unsafe.SliceData(a))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return other < first+uintptr(cap(a)) && first < other+uintptr(len(b))
}
