package onnx

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// valueKind is the kind of a graph's input or output.
type valueKind uint8

const (
	tensorValue valueKind = iota
	// sequenceOfMaps is a sequence of maps from integers or strings to floats, as ZipMap
	// makes it.
	sequenceOfMaps
	otherSequence
	mapValue
	optionalValue
	sparseTensor
)

// value is an input or output of a graph. The spec of one that is not a tensor has no
// datatype.
type value struct {
	spec engine.TensorSpec
	kind valueKind
}

// warning says what of an output is not served.
func (v *value) warning() string {
	found := map[valueKind]string{
		tensorValue:    "a tensor of a datatype that is not supported: add a Cast to one of " + supportedTypes,
		sequenceOfMaps: "a sequence of maps without a list of its keys: export the model with a tensor instead (with skl2onnx: options={'zipmap': False})",
		otherSequence:  "a sequence: export the model with one tensor (with a Concat, or with ConcatFromSequence), or with an output for each tensor",
		mapValue:       "a map: export the model with a tensor instead (with skl2onnx: options={'zipmap': False})",
		optionalValue:  "an optional value: export the model with a tensor instead, such as the result of OptionalGetElement",
		sparseTensor:   "a sparse tensor: export the model with a dense one",
	}[v.kind]
	return fmt.Sprintf("output %q is not served, since it is %s", v.spec.Name, found)
}

// The fields of TypeProto: tensor_type = 1, sequence_type = 4, map_type = 5,
// sparse_tensor_type = 8, optional_type = 9.
var kinds = map[int]valueKind{4: otherSequence, 5: mapValue, 8: sparseTensor, 9: optionalValue}

// valueInfo reads a ValueInfoProto: name = 1, type = 2.
func (d *decoder) valueInfo(size int64) (value, error) {
	var v value
	err := d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		switch {
		case field == 1 && wire == wireBytes:
			var err error
			v.spec.Name, err = d.string(length)
			return true, err
		case field == 2 && wire == wireBytes:
			return true, d.valueType(length, &v)
		}
		return false, nil
	})
	return v, err
}

// valueType reads a TypeProto.
func (d *decoder) valueType(size int64, v *value) error {
	return d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		if wire != wireBytes {
			return false, nil
		}
		if kind, ok := kinds[field]; ok {
			v.kind = kind
		}
		switch field {
		case 1:
			return true, d.tensorType(length, &v.spec)
		case 4:
			return true, d.sequenceType(length, v)
		}
		return false, nil
	})
}

// sequenceType reads a TypeProto.Sequence, elem_type = 1. Of maps it reads the value's type:
// TypeProto.Map has key_type = 1, value_type = 2. The checker of ONNX allows integers and
// strings as keys only.
func (d *decoder) sequenceType(size int64, v *value) error {
	return d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		if field != 1 || wire != wireBytes {
			return false, nil
		}
		return true, d.message(length, func(field int, wire wireType, length int64) (bool, error) {
			if field != 5 || wire != wireBytes {
				return false, nil
			}
			return true, d.mapType(length, v)
		})
	})
}

func (d *decoder) mapType(size int64, v *value) error {
	return d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		if field != 2 || wire != wireBytes {
			return false, nil
		}
		var element value
		err := d.valueType(length, &element)
		if element.kind == tensorValue && element.spec.DataType == tensor.FP32 {
			v.kind = sequenceOfMaps
		}
		return true, err
	})
}

func (d *decoder) tensorType(size int64, spec *engine.TensorSpec) error {
	return d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		switch {
		case field == 1 && wire == wireVarint:
			elem, err := d.varint()
			spec.DataType = ort.DataTypeOf(elem)
			return true, err
		case field == 2 && wire == wireBytes: // TensorShapeProto: dim = 1
			// The field without dimensions is a scalar; without the field the rank is dynamic.
			spec.Shape, spec.DimNames = tensor.Shape{}, []string{}
			return true, d.message(length, func(field int, wire wireType, length int64) (bool, error) {
				if field != 1 || wire != wireBytes {
					return false, nil
				}
				return true, d.dimension(length, spec)
			})
		}
		return false, nil
	})
}

// dimension reads a TensorShapeProto.Dimension: dim_value = 1, dim_param = 2. One
// with neither, and a value below 1 other than 0 (exporters write -1), is dynamic.
func (d *decoder) dimension(size int64, spec *engine.TensorSpec) error {
	dim, name := tensor.Dynamic, ""
	err := d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		switch {
		case field == 1 && wire == wireVarint:
			v, err := d.varint()
			if dim = int64(v); dim < 0 {
				dim = tensor.Dynamic
			}
			return true, err
		case field == 2 && wire == wireBytes:
			var err error
			name, err = d.string(length)
			return true, err
		}
		return false, nil
	})
	spec.Shape = append(spec.Shape, dim)
	spec.DimNames = append(spec.DimNames, name)
	return err
}
