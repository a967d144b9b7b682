package infer

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// classify returns the best classes of each row of t in the form of the classification
// extension: BYTES elements "value:index", or "value:index:label" where there is a
// label.
//
// The forms are those that Triton's clients split (extension_classification.md of its
// documentation): values as C's %f and %d write them, a shape of [rows, classes] for a
// model with batches, and of [classes] for one without, whose tensor is one row. An
// output whose first dimension the graph leaves open has rows even without a
// max_batch_size.
func (s *Serving) classify(at int, t tensor.Tensor, limit int) (tensor.Tensor, error) {
	v, spec := s.version, &s.version.Signature.Outputs[at]
	row, shape := t.Shape, tensor.Shape{}
	if len(row) > 0 && (v.Config.GetMaxBatchSize() > 0 || (len(spec.Shape) > 1 && spec.Shape[0] == tensor.Dynamic)) {
		row, shape = row[1:], tensor.Shape{row[0]}
	}
	classes, err := row.Elements()
	if err != nil {
		return tensor.Tensor{}, err // impossible: the engine made the shape
	}
	w := classWriter{labels: labelsOf(v, spec, at == s.scorer.at), classes: int(classes), best: min(limit, int(classes))}
	if len(w.labels) != w.classes && severalAxes(row) {
		w.labels = nil // of one axis, such as the classes of each box
	}
	if t.DataType == tensor.Bool || t.DataType == tensor.Bytes {
		return tensor.Tensor{}, s.noClasses(at, t.DataType)
	}
	if err := w.write(t); err != nil {
		return tensor.Tensor{}, err
	}
	return tensor.Tensor{DataType: tensor.Bytes, Shape: append(shape, int64(w.best)), Data: w.data}, nil
}

// severalAxes reports whether a shape has more than one dimension above 1.
func severalAxes(shape tensor.Shape) bool {
	axes := 0
	for _, d := range shape {
		if d > 1 {
			axes++
		}
	}
	return axes > 1
}

// classWriter writes the best classes of rows.
type classWriter struct {
	labels        []string
	classes, best int // of a row
	data          []byte
}

// write writes the classes of all rows of t.
func (w *classWriter) write(t tensor.Tensor) error {
	switch t.DataType {
	case tensor.Uint8:
		writeClasses[uint8](w, t.Data, formatUint)
	case tensor.Uint16:
		writeClasses[uint16](w, t.Data, formatUint)
	case tensor.Uint32:
		writeClasses[uint32](w, t.Data, formatUint)
	case tensor.Uint64:
		writeClasses[uint64](w, t.Data, formatUint)
	case tensor.Int8:
		writeClasses[int8](w, t.Data, formatInt)
	case tensor.Int16:
		writeClasses[int16](w, t.Data, formatInt)
	case tensor.Int32:
		writeClasses[int32](w, t.Data, formatInt)
	case tensor.Int64:
		writeClasses[int64](w, t.Data, formatInt)
	case tensor.FP64:
		writeClasses[float64](w, t.Data, formatFloat)
	case tensor.FP32, tensor.FP16, tensor.BF16:
		values, err := tensor.Float32s(t)
		if err != nil {
			return err
		}
		writeClasses[float32](w, tensor.AsBytes(values), formatFloat)
	case tensor.Bool, tensor.Bytes, tensor.Invalid: // which classify rejects
	}
	return nil
}

// noClasses reports a datatype without classes, and the output that has them.
func (s *Serving) noClasses(at int, d tensor.DataType) error {
	remedy := "leave out the parameter"
	if scores := s.scorer.spec; scores != nil && s.scorer.at != at && isFloat(scores.DataType) {
		remedy = fmt.Sprintf("request it of output %q", scores.Name)
	}
	return Invalidf("parameter classification asks for classes, but the values are %v, and only numbers have classes: %s", d, remedy)
}

func writeClasses[T tensor.Number](w *classWriter, data []byte, format func([]byte, T) []byte) {
	if w.classes == 0 {
		return
	}
	var text []byte
	values, _ := tensor.View[T](data)
	for row := range slices.Chunk(values, w.classes) {
		for _, class := range bestClasses(row, w.best) {
			text = append(format(text[:0], row[class]), ':')
			text = strconv.AppendInt(text, int64(class), 10)
			if class < len(w.labels) && w.labels[class] != "" {
				text = append(append(text, ':'), w.labels[class]...)
			}
			w.data = tensor.AppendElement(w.data, text)
		}
	}
}

func formatUint[T uint8 | uint16 | uint32 | uint64](dst []byte, v T) []byte {
	return strconv.AppendUint(dst, uint64(v), 10)
}

func formatInt[T int8 | int16 | int32 | int64](dst []byte, v T) []byte {
	return strconv.AppendInt(dst, int64(v), 10)
}

// formatFloat writes v as C's %f does.
func formatFloat[T float32 | float64](dst []byte, v T) []byte {
	switch f := float64(v); {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	default:
		return strconv.AppendFloat(dst, f, 'f', 6, 64)
	}
}

// bestClasses returns the indices of the k highest values, best first; equal ones in
// their order, and NaN last. k is at most the number of values. It keeps the best so far
// in a heap whose root is the worst of them, so that many values with a small k cost one
// comparison each.
func bestClasses[T tensor.Number](values []T, k int) []int {
	order := func(a, b int) int {
		switch {
		case above(values[a], values[b]):
			return -1
		case above(values[b], values[a]):
			return 1
		}
		return a - b
	}
	best := make([]int, k)
	for i := range best {
		best[i] = i
	}
	worstFirst := func(a, b int) int { return order(b, a) }
	slices.SortFunc(best, worstFirst) // sorted is a heap
	for i := k; i < len(values) && k > 0; i++ {
		if order(i, best[0]) < 0 {
			best[0] = i
			sink(best, worstFirst)
		}
	}
	slices.SortFunc(best, order)
	return best
}

// sink moves the root of a heap down to its place.
func sink(heap []int, order func(a, b int) int) {
	for at := 0; ; {
		child := 2*at + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && order(heap[child+1], heap[child]) < 0 {
			child++
		}
		if order(heap[at], heap[child]) <= 0 {
			return
		}
		heap[at], heap[child] = heap[child], heap[at]
		at = child
	}
}
