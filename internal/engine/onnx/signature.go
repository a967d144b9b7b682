package onnx

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// readSignature reads the signature of the ONNX file at path.
//
// The file is a protobuf ModelProto (onnx/onnx.proto in the ONNX project). It is read as
// a stream that skips the weights, so that a model of gigabytes takes a few kilobytes of
// memory here. ONNX Runtime's own API reports neither the operator that computes an
// output nor the names of dynamic dimensions.
func readSignature(path string) (*engine.Signature, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return parseModel(f, info.Size())
}

// graph is the part of a GraphProto that the reader keeps.
type graph struct {
	inputs       []engine.TensorSpec
	outputs      []engine.TensorSpec
	initializers map[string]bool
	// producers maps the name of a value to the node that computes it.
	producers map[string]node
}

func newGraph() *graph {
	return &graph{initializers: map[string]bool{}, producers: map[string]node{}}
}

type node struct {
	op, domain string
	inputs     []string
}

// parseModel reads the ModelProto of size bytes.
func parseModel(r io.ReadSeeker, size int64) (*engine.Signature, error) {
	g := newGraph()
	found := false
	d := &decoder{seeker: r, buffered: bufio.NewReaderSize(r, 64<<10)}
	err := d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		switch {
		case field == 7 && wire == wireBytes: // ModelProto.graph
			found = true
			return true, d.graph(length, g)
		case field == 25 && wire == wireBytes: // ModelProto.functions
			return true, d.function(length)
		}
		return false, nil
	})
	if errors.Is(err, errOutside) || errors.Is(err, errNotFile) {
		return nil, fmt.Errorf("%w: %w", engine.ErrBadModel, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: not an ONNX model: %w", engine.ErrBadModel, err)
	}
	if !found {
		return nil, fmt.Errorf("%w: not an ONNX model: it has no graph", engine.ErrBadModel)
	}
	return g.signature()
}

func (g *graph) signature() (*engine.Signature, error) {
	if len(g.outputs) == 0 {
		return nil, fmt.Errorf("%w: the graph has no outputs", engine.ErrBadModel)
	}
	s := &engine.Signature{}
	for _, in := range g.inputs {
		// Files of IR version 3 and older list weights among the inputs. Newer files
		// may do so for inputs with a default.
		if !g.initializers[in.Name] {
			s.Inputs = append(s.Inputs, in)
		}
	}
	sizes := newSizeTracer(g, s.Inputs)
	for _, out := range g.outputs {
		out.Producer = g.producer(out.Name)
		out.Sizes = sizes.of(out.Name).sizes
		s.Outputs = append(s.Outputs, out)
	}
	return s, nil
}

// maxRenames limits the search of producer: a corrupt graph may contain a cycle.
const maxRenames = 16

// producer returns the operator that computes a graph value. It skips operators that
// only rearrange or rename values.
func (g *graph) producer(value string) string {
	for range maxRenames {
		n := g.producers[value]
		switch n.op {
		case "Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Dropout", "Transpose":
			if len(n.inputs) == 0 {
				return ""
			}
			value = n.inputs[0]
		default:
			return n.op
		}
	}
	return ""
}

// graph reads a GraphProto: node = 1, initializer = 5, input = 11, output = 12,
// sparse_initializer = 15.
func (d *decoder) graph(size int64, g *graph) error {
	return d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		if wire != wireBytes {
			return false, nil
		}
		switch field {
		case 1:
			return true, d.node(length, g)
		case 5:
			name, err := d.tensor(length)
			g.initializers[name] = true
			return true, err
		case 15:
			name, err := d.sparseTensor(length)
			g.initializers[name] = true
			return true, err
		case 11, 12:
			spec, err := d.valueInfo(length)
			if field == 11 {
				g.inputs = append(g.inputs, spec)
			} else {
				g.outputs = append(g.outputs, spec)
			}
			return true, err
		}
		return false, nil
	})
}

// node reads a NodeProto: input = 1, output = 2, op_type = 4, attribute = 5, domain = 7.
func (d *decoder) node(size int64, g *graph) error {
	var n node
	var outputs []string
	err := d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		switch {
		case wire != wireBytes || field == 3 || field == 6 || field > 7:
			return false, nil
		case field == 5:
			return true, d.attribute(length)
		}
		s, err := d.string(length)
		switch field {
		case 1:
			n.inputs = append(n.inputs, s)
		case 2:
			outputs = append(outputs, s)
		case 4:
			n.op = s
		case 7:
			n.domain = s
		}
		return true, err
	})
	for _, out := range outputs {
		g.producers[out] = n
	}
	return err
}

// valueInfo reads a ValueInfoProto: name = 1, type = 2, where TypeProto has
// tensor_type = 1, and its Tensor elem_type = 1, shape = 2.
func (d *decoder) valueInfo(size int64) (engine.TensorSpec, error) {
	var spec engine.TensorSpec
	err := d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		switch {
		case field == 1 && wire == wireBytes:
			var err error
			spec.Name, err = d.string(length)
			return true, err
		case field == 2 && wire == wireBytes:
			return true, d.message(length, func(field int, wire wireType, length int64) (bool, error) {
				if field != 1 || wire != wireBytes {
					return false, nil
				}
				return true, d.tensorType(length, &spec)
			})
		}
		return false, nil
	})
	return spec, err
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
