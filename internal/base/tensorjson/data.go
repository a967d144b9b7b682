package tensorjson

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Data reads a tensor's elements in row-major order: an array, or for a scalar a bare
// value. Inner arrays only group the elements. They need not nest as shape does, not even
// evenly, as for Triton; only the number of elements must be that of the shape.
//
// The result has the layout of tensor.Tensor.Data, aligned for the datatype. It reuses
// dst from its first byte if dst is aligned and has the capacity, otherwise it is new
// memory. It never aliases the text. A shape with more elements than the text can hold
// allocates nothing, so a short request cannot claim much memory.
//
// FP16, BF16, FP32 and FP64 accept numbers that do not round to infinity, NaN, Infinity
// and -Infinity. A zero keeps its sign. Integer
// datatypes accept whole numbers in their range; 1.0 and 1e3 are whole, because JSON
// has one number type and some clients write every number that way. BOOL accepts true,
// false, 1 and 0. BYTES accepts strings; the elements are their UTF-8 bytes. An error
// names the element.
func (s *Scanner) Data(dst []byte, datatype tensor.DataType, shape tensor.Shape) []byte {
	if s.err != nil {
		return nil
	}
	elements, err := shape.Elements()
	if err == nil && (datatype == tensor.Invalid || datatype > tensor.Bytes) {
		err = fmt.Errorf("datatype %v has no JSON form", datatype)
	}
	if err != nil {
		s.Fail(err)
		return nil
	}
	if s.Kind() == Invalid {
		s.Skip() // sets the error
		return nil
	}
	r := &dataReader{Scanner: s, datatype: datatype, shape: shape}
	if !s.mayHold(elements) {
		r.rejectCount()
		return nil
	}
	r.elements = int(elements)
	data := r.prepare(dst)
	if !r.read() {
		return nil
	}
	if datatype == tensor.Bytes {
		return r.strings
	}
	return data
}

// DataBytes returns how much memory Data allocates for elements of a fixed size, and 0 for those of
// BYTES, which take less than twice their text. It is 0 where Data fails before it allocates.
func (s *Scanner) DataBytes(datatype tensor.DataType, shape tensor.Shape) int64 {
	elements, err := shape.Elements()
	if err != nil || s.err != nil || !s.mayHold(elements) {
		return 0
	}
	return elements * int64(datatype.Size())
}

// mayHold reports whether the rest of the text may have so many elements: each needs at least one
// character, and a comma unless it is the last.
func (s *Scanner) mayHold(elements int64) bool { return elements <= int64(len(s.text)-s.at+1)/2 }

// dataReader parses one tensor's elements.
type dataReader struct {
	*Scanner
	datatype tensor.DataType
	shape    tensor.Shape
	elements int
	count    int // elements read so far

	// run reads elements from..to-1; the first begins at p.
	run func(p, from, to int) (next, count int, why stop)
	// strings holds the elements of BYTES.
	strings []byte
}

// prepare allocates the elements' memory and selects the function that fills it.
func (r *dataReader) prepare(dst []byte) []byte {
	if r.datatype == tensor.Bytes {
		r.strings = dst[:0]
		if minSize := tensor.BytesPrefix * r.elements; cap(dst) < minSize {
			r.strings = make([]byte, 0, minSize)
		}
		r.run = r.stringRun
		return nil
	}
	size := r.elements * r.datatype.Size()
	var data []byte
	if cap(dst) >= size && tensor.Aligned(dst[:size], r.datatype) {
		data = dst[:size]
	} else {
		data = tensor.AsBytes(make([]uint64, (size+7)/8))[:size]
	}
	switch r.datatype {
	case tensor.Bool:
		r.run = runInto(r.text, data, boolRun)
	case tensor.Uint8:
		r.run = runInto(r.text, data, integerRun[uint8])
	case tensor.Uint16:
		r.run = runInto(r.text, data, integerRun[uint16])
	case tensor.Uint32:
		r.run = runInto(r.text, data, integerRun[uint32])
	case tensor.Uint64:
		r.run = runInto(r.text, data, integerRun[uint64])
	case tensor.Int8:
		r.run = runInto(r.text, data, integerRun[int8])
	case tensor.Int16:
		r.run = runInto(r.text, data, integerRun[int16])
	case tensor.Int32:
		r.run = runInto(r.text, data, integerRun[int32])
	case tensor.Int64:
		r.run = runInto(r.text, data, integerRun[int64])
	case tensor.FP16:
		r.run = runInto(r.text, data, float16.run)
	case tensor.BF16:
		r.run = runInto(r.text, data, bfloat16.run)
	case tensor.FP32:
		r.run = runInto(r.text, data, floatRun[float32])
	case tensor.FP64:
		r.run = runInto(r.text, data, floatRun[float64])
	case tensor.Invalid, tensor.Bytes:
	}
	return data
}

func runInto[T tensor.Number](text, data []byte, run func([]byte, int, []T) (int, int, stop)) func(p, from, to int) (int, int, stop) {
	values, _ := tensor.View[T](data)
	return func(p, from, to int) (int, int, stop) { return run(text, p, values[from:to]) }
}

// stringRun reads elements of BYTES.
func (r *dataReader) stringRun(p, from, to int) (next, count int, why stop) {
	for i := range to - from {
		if p >= len(r.text) || r.text[p] != '"' {
			return p, i, atBad
		}
		end, escaped, f := stringEnd(r.text, p)
		if f != nil {
			return p, i, atBad
		}
		raw := r.text[p+1 : end-1]
		if escaped {
			raw = appendUnescaped(nil, raw)
		}
		r.strings = tensor.AppendElement(r.strings, raw)
		if p, why = nextElement(r.text, end); why != atMore {
			return p, i + 1, why
		}
	}
	return p, to - from, atMore
}
