package tensor

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Dynamic is the size of a dynamic dimension in a model's signature.
const Dynamic int64 = -1

// ErrShape reports a shape without a valid number of elements: a dimension is negative,
// or the product overflows.
var ErrShape = errors.New("bad shape")

// Shape is a tensor's dimensions, outermost first. A rank of 0 is a scalar. In a
// model's signature a dimension may be Dynamic.
type Shape []int64

// Elements returns the product of the dimensions, 1 for a scalar. A negative dimension
// or a product above 2^63-1 is an ErrShape: if the product wrapped around, a small
// buffer would be accepted for a huge tensor.
func (s Shape) Elements() (int64, error) {
	product, empty := uint64(1), false
	for i, d := range s {
		if d < 0 {
			return 0, fmt.Errorf("%w: dimension %d of %v is negative", ErrShape, i, s)
		}
		if d == 0 {
			empty = true
		}
		hi, lo := bits.Mul64(product, uint64(max(d, 1)))
		if hi != 0 || lo > 1<<63-1 {
			return 0, fmt.Errorf("%w: the number of elements of %v overflows", ErrShape, s)
		}
		product = lo
	}
	if empty {
		return 0, nil
	}
	return int64(product), nil
}

// ByteSize returns the size in bytes of a tensor of this shape and datatype, with
// the errors of Elements. The datatype must have a fixed size.
func (s Shape) ByteSize(d DataType) (int64, error) {
	n, err := s.Elements()
	if err != nil {
		return 0, err
	}
	if d.Size() == 0 {
		return 0, fmt.Errorf("datatype %v has no fixed size", d)
	}
	hi, lo := bits.Mul64(uint64(n), uint64(d.Size()))
	if hi != 0 || lo > 1<<63-1 {
		return 0, fmt.Errorf("%w: the size in bytes of %v of %v overflows", ErrShape, s, d)
	}
	return int64(lo), nil
}

// Accepts reports whether a concrete shape matches s. A Dynamic dimension of s matches
// any size.
func (s Shape) Accepts(concrete Shape) bool {
	if len(s) != len(concrete) {
		return false
	}
	for i, d := range s {
		if d != Dynamic && d != concrete[i] {
			return false
		}
	}
	return true
}

// IsStatic reports whether no dimension is Dynamic.
func (s Shape) IsStatic() bool {
	for _, d := range s {
		if d < 0 {
			return false
		}
	}
	return true
}

// Clone returns a copy that shares no memory with s.
func (s Shape) Clone() Shape {
	return append(Shape(nil), s...)
}

// String returns the shape as "[1, 3, 224, 224]".
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatInt(d, 10))
	}
	b.WriteByte(']')
	return b.String()
}
