package onnx

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// errOutside reports external data outside the model's directory.
var errOutside = errors.New("the model refers to a file outside its directory")

// The functions below read every place of a model that can hold a tensor. A tensor may
// refer to another file for its elements (external data), and ONNX Runtime, at least up
// to 1.23, opens any path. A model that a client loads could so read every file that the
// server can read, and return its content.

// memoryLocation is the prefix of locations that the runtime uses for addresses in its
// own memory ("*/_ORT_MEM_ADDR_/*"). In a file they would address arbitrary memory.
const memoryLocation = "*/_ORT_"

// checkLocation rejects a location of external data outside the directory of the model's
// file. It does not resolve symbolic links: the owner of the directory is responsible for
// them.
func checkLocation(tensor, location string) error {
	if filepath.IsLocal(location) && !strings.HasPrefix(location, memoryLocation) {
		return nil
	}
	return fmt.Errorf("%w: the external data of tensor %q is at %q: move that file to the directory of the model's file", errOutside, tensor, location)
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
		if err == nil {
			err = d.checkFile(name, location)
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

// function reads a FunctionProto: node = 7, attribute_proto = 11.
func (d *decoder) function(size int64) error {
	return d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		switch {
		case field == 7 && wire == wireBytes:
			return true, d.node(length, newGraph())
		case field == 11 && wire == wireBytes:
			return true, d.attribute(length, &classes{})
		}
		return false, nil
	})
}
