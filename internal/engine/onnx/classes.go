package onnx

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Limits of the classes of a ZipMap.
const (
	maxClasses    = 1 << 16
	maxClassBytes = 1 << 20 // of all names
)

// classes are the keys that ZipMap gives to the columns of its input, a matrix of scores. It
// makes a map of each row (ai.onnx.ml, ZipMap). The maps are served as that matrix.
type classes struct {
	ints    []int64
	strings []string
}

// labels returns the names of the columns.
func (c *classes) labels() []string {
	if len(c.ints) == 0 {
		return c.strings
	}
	names := make([]string, len(c.ints))
	for i, n := range c.ints {
		names[i] = strconv.FormatInt(n, 10)
	}
	return names
}

// describe makes spec that of the matrix. It reports false when the keys are unknown, not
// unique or too many.
func (c *classes) describe(spec *engine.TensorSpec) bool {
	names := c.labels()
	size := 0
	for _, name := range names {
		size += len(name)
	}
	if len(names) == 0 || len(names) > maxClasses || size > maxClassBytes || len(slices.Compact(slices.Sorted(slices.Values(names)))) < len(names) {
		return false
	}
	spec.DataType = tensor.FP32
	spec.Shape, spec.DimNames = tensor.Shape{tensor.Dynamic, int64(len(names))}, make([]string, 2)
	for _, name := range names {
		spec.Labels = append(spec.Labels, strings.ToValidUTF8(name, "\ufffd"))
	}
	return true
}

// columns returns the column of each key in the order in which maps have them: ascending.
func (c *classes) columns() []int {
	columns := make([]int, max(len(c.ints), len(c.strings)))
	for i := range columns {
		columns[i] = i
	}
	slices.SortFunc(columns, func(a, b int) int {
		if len(c.ints) > 0 {
			return cmp.Compare(c.ints[a], c.ints[b])
		}
		return strings.Compare(c.strings[a], c.strings[b])
	})
	return columns
}

// attribute reads an AttributeProto: name = 1, t = 5, g = 6, ints = 8, strings = 9,
// tensors = 10, graphs = 11, sparse_tensor = 22, sparse_tensors = 23. It keeps the
// attributes of ZipMap, classlabels_int64s and classlabels_strings.
func (d *decoder) attribute(size int64, c *classes) error {
	name := ""
	return d.message(size, func(field int, wire wireType, length int64) (consumed bool, err error) {
		switch {
		case field == 1 && wire == wireBytes:
			name, err = d.string(length)
		case field == 8 && name == "classlabels_int64s":
			err = d.integers(wire, length, &c.ints)
		case wire != wireBytes:
			return false, nil
		case field == 9 && name == "classlabels_strings":
			var s string
			s, err = d.string(length)
			if len(c.strings) <= maxClasses {
				c.strings = append(c.strings, s)
			}
		case field == 5 || field == 10:
			_, err = d.tensor(length)
		case field == 6 || field == 11:
			err = d.graph(length, newGraph())
		case field == 22 || field == 23:
			_, err = d.sparseTensor(length)
		default:
			return false, nil
		}
		return true, err
	})
}

// integers appends the value of a repeated integer field: one number, or several (packed). It
// keeps no more than show that there are too many.
func (d *decoder) integers(wire wireType, length int64, to *[]int64) error {
	one := func() error {
		n, err := d.varint()
		if len(*to) <= maxClasses {
			*to = append(*to, int64(n))
		}
		return err
	}
	switch wire {
	case wireVarint:
		return one()
	case wireBytes:
		for end := d.read + length; d.read < end; {
			if err := one(); err != nil {
				return err
			}
		}
		return nil
	}
	return d.skip(length)
}
