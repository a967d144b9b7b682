package onnx

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// errOutside says that a model keeps elements where it must not have them from.
var errOutside = errors.New("the model asks for a file that is not its own")

// What follows reads the places of a model that can hold tensors, for one purpose: a
// tensor may say that its elements are in another file, and ONNX Runtime, of which 1.23
// still does, opens whatever file that is. A model that a client loads would so read
// any file that the server can, and answer with it.

// memoryLocation begins the locations by which the runtime itself means an address in
// its own memory ("*/_ORT_MEM_ADDR_/*"). In a file they mean somebody else's.
const memoryLocation = "*/_ORT_"

// checkLocation reports a place of external data that is not in the directory of the
// model's file. That no symbolic link leads out of it is for who owns the directory.
func checkLocation(tensor, location string) error {
	if filepath.IsLocal(location) && !strings.HasPrefix(location, memoryLocation) {
		return nil
	}
	return fmt.Errorf("%w: tensor %q has its elements at %q, which is not in the directory of the model's file: put that file beside the model", errOutside, tensor, location)
}

// tensor reads a TensorProto, name = 8, external_data = 13, and returns its name. Its
// elements are skipped.
func (d *decoder) tensor(size int64) (name string, err error) {
	var locations []string
	err = d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		var err error
		switch {
		case field == 8 && wire == wireBytes:
			name, err = d.string(length)
		case field == 13 && wire == wireBytes:
			var key, value string
			if key, value, err = d.entry(length); key == "location" {
				locations = append(locations, value)
			}
		default:
			return false, nil
		}
		return true, err
	})
	for _, location := range locations {
		if err == nil {
			err = checkLocation(name, location)
		}
	}
	return name, err
}

// entry reads a StringStringEntryProto: key = 1, value = 2.
func (d *decoder) entry(size int64) (key, value string, err error) {
	err = d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		if wire != wireBytes || field > 2 {
			return false, nil
		}
		s, err := d.string(length)
		if field == 1 {
			key = s
		} else {
			value = s
		}
		return true, err
	})
	return key, value, err
}

// sparseTensor reads a SparseTensorProto, values = 1, indices = 2, and returns its
// name, which is that of the values.
func (d *decoder) sparseTensor(size int64) (name string, err error) {
	err = d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		if wire != wireBytes || field > 2 {
			return false, nil
		}
		found, err := d.tensor(length)
		if field == 1 {
			name = found
		}
		return true, err
	})
	return name, err
}

// attribute reads an AttributeProto: t = 5, g = 6, tensors = 10, graphs = 11,
// sparse_tensor = 22, sparse_tensors = 23.
func (d *decoder) attribute(size int64) error {
	return d.message(size, func(field int, wire wireType, length int64) (consumed bool, err error) {
		if wire != wireBytes {
			return false, nil
		}
		switch field {
		case 5, 10:
			_, err = d.tensor(length)
		case 6, 11:
			err = d.graph(length, newGraph())
		case 22, 23:
			_, err = d.sparseTensor(length)
		default:
			return false, nil
		}
		return true, err
	})
}

// function reads a FunctionProto: node = 7, attribute_proto = 11.
func (d *decoder) function(size int64) error {
	return d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		switch {
		case field == 7 && wire == wireBytes:
			return true, d.node(length, newGraph())
		case field == 11 && wire == wireBytes:
			return true, d.attribute(length)
		}
		return false, nil
	})
}
