package tensorjson

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Data reads a tensor's elements: an array that nests as shape does, a flat array of
// all elements in row-major order, or for a scalar a bare value.
//
// The result is what tensor.Tensor.Data holds, aligned for the datatype. It is dst's
// memory, from its beginning, where that has the capacity and lies aligned, and else
// fresh; never the text's. No memory is taken for a shape that the text is too short
// for, so that a short request cannot take much.
//
// FP16, BF16, FP32 and FP64 take numbers that do not round to infinity. The integers
// take whole numbers in their range; 1.0 and 1e3 are whole, because JSON has one kind
// of number and some clients write each like that. BOOL takes true, false, 1 and 0,
// BYTES strings, whose UTF-8 bytes are the elements. An error names the element.
func (s *Scanner) Data(dst []byte, datatype tensor.DataType, shape tensor.Shape) []byte {
	if s.err != nil {
		return nil
	}
	elements, err := shape.Elements()
	if err == nil && (datatype == tensor.Invalid || datatype > tensor.Bytes) {
		err = fmt.Errorf("no data is of datatype %v", datatype)
	}
	if err != nil {
		s.Fail(err)
		return nil
	}
	if s.Kind() == Invalid {
		s.Skip() // which says why
		return nil
	}
	r := &dataReader{Scanner: s, start: s.at, datatype: datatype, shape: shape}
	// Each element takes a character at least, and another after all but the last.
	if elements > int64(len(s.text)-s.at+1)/2 {
		r.refuseCount(elements)
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

// dataReader is a Scanner within a tensor's elements.
type dataReader struct {
	*Scanner
	start    int // of the elements' text
	datatype tensor.DataType
	shape    tensor.Shape
	elements int
	count    int // of the elements that were read
	nested   bool
	index    []int // of the element, in each array around it

	// run reads elements from, of those up to to, from the one at p on.
	run func(p, from, to int) (next, count int, why stop)
	// strings are the elements of BYTES.
	strings []byte
}

// prepare makes memory for the elements, and the function that reads them into it.
func (r *dataReader) prepare(dst []byte) []byte {
	if r.datatype == tensor.Bytes {
		r.strings = dst[:0]
		if least := 4 * r.elements; cap(dst) < least {
			r.strings = make([]byte, 0, least)
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
