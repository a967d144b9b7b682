package tensor

import (
	"fmt"
	"unsafe"
)

// Tensor is a view of an array in memory. It does not own Data: the function that
// returns a Tensor documents how long Data is valid.
type Tensor struct {
	DataType DataType
	Shape    Shape
	// Data holds the elements, little-endian and row-major. For a DataType with a
	// fixed size its length is exactly Shape's number of elements times that size.
	// For Bytes it is the protocol's raw encoding (see AppendElement), so that
	// received data reaches the engine unchanged.
	Data []byte
}

// Validate reports whether Data has the length that Shape and DataType require, and for
// Bytes whether it has exactly Shape's number of elements. ONNX Runtime itself accepts
// a buffer that is longer than its shape requires.
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
		return fmt.Errorf("%v of %v needs %d bytes, found %d", t.Shape, t.DataType, size, len(t.Data))
	}
	return nil
}

// Number is the constraint of Go types whose slices can be viewed as a tensor's bytes.
type Number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// AsBytes returns values as bytes. The result aliases values.
func AsBytes[T Number](values []T) []byte {
	if len(values) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(values[0])))
}

// View returns data as values of T. If data is aligned for T the result aliases it and
// shared is true; otherwise the result is a copy. Trailing bytes that do not fill a T
// are ignored.
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

// Aligned reports whether data is aligned for elements of d.
func Aligned(data []byte, d DataType) bool {
	return len(data) == 0 || d.Size() <= 1 || uintptr(unsafe.Pointer(unsafe.SliceData(data)))%uintptr(d.Size()) == 0
}

// ShareMemory reports whether a, up to its capacity, and b overlap.
func ShareMemory(a, b []byte) bool {
	if cap(a) == 0 || len(b) == 0 {
		return false
	}
	first, other := uintptr(unsafe.Pointer(unsafe.SliceData(a))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return other < first+uintptr(cap(a)) && first < other+uintptr(len(b))
}
