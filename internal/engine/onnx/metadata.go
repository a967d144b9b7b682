package onnx

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// Limits on what the reader believes, so that a corrupt length costs an error and
// not the machine's memory. Weights are skipped, so that no real model comes near.
const (
	maxMessageBytes = 64 << 20
	maxNesting      = 16
)

var errTruncated = errors.New("the file ends inside a field")

// readSignature reads from the ONNX file at path what its graph takes and gives.
//
// The file is a protobuf ModelProto (onnx/onnx.proto in the ONNX project). It is
// read as a stream that skips the weights, so that a model of gigabytes costs a
// few kilobytes here; ONNX Runtime's own API tells neither which operator computes
// an output nor the names of dynamic dimensions.
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

// graph is what the reader keeps of a GraphProto.
type graph struct {
	inputs       []engine.TensorSpec
	outputs      []engine.TensorSpec
	initializers map[string]bool
	// producers maps the name of a value to the node that computes it.
	producers map[string]node
}

type node struct {
	op     string
	inputs []string
}

// parseModel reads the ModelProto of size bytes.
func parseModel(r io.ReadSeeker, size int64) (*engine.Signature, error) {
	g := graph{initializers: map[string]bool{}, producers: map[string]node{}}
	found := false
	d := &decoder{seeker: r, buffered: bufio.NewReaderSize(r, 64<<10)}
	err := d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		if field != 7 || wire != wireBytes { // ModelProto.graph
			return false, nil
		}
		found = true
		return true, d.graph(length, &g)
	})
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
		// Files of IR version 3 and older list weights among the inputs; newer
		// ones may, as inputs with a default.
		if !g.initializers[in.Name] {
			s.Inputs = append(s.Inputs, in)
		}
	}
	for _, out := range g.outputs {
		out.Producer = g.producer(out.Name)
		s.Outputs = append(s.Outputs, out)
	}
	return s, nil
}

// producer returns the operator that computes the values of a graph value, looking
// through operators that only rearrange or rename them.
func (g *graph) producer(value string) string {
	for range maxNesting {
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

// wireType is a protobuf wire type.
type wireType uint8

// The wire types of protobuf that are in use (protobuf.dev, "Encoding"); groups
// never were in ONNX.
const (
	wireVarint  wireType = 0
	wireFixed64 wireType = 1
	wireBytes   wireType = 2
	wireFixed32 wireType = 5
)

// decoder reads nested protobuf messages from a file without holding them.
type decoder struct {
	seeker   io.ReadSeeker
	buffered *bufio.Reader
	// read counts the bytes consumed, so that a message knows its end.
	read  int64
	depth int
}

func (d *decoder) ReadByte() (byte, error) {
	b, err := d.buffered.ReadByte()
	if err == nil {
		d.read++
	}
	return b, err
}

func (d *decoder) varint() (uint64, error) {
	v, err := binary.ReadUvarint(d)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, errTruncated
	}
	return v, err
}

// skip moves n bytes ahead; where that is past the buffer it seeks.
func (d *decoder) skip(n int64) error {
	d.read += n
	if n <= int64(d.buffered.Buffered()) {
		_, err := d.buffered.Discard(int(n))
		return err
	}
	n -= int64(d.buffered.Buffered())
	if _, err := d.seeker.Seek(n, io.SeekCurrent); err != nil {
		return err
	}
	d.buffered.Reset(d.seeker)
	return nil
}

// bytes reads a value of n bytes.
func (d *decoder) bytes(n int64) ([]byte, error) {
	if n > maxMessageBytes {
		return nil, fmt.Errorf("a field of %d bytes where a name stands", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.buffered, b); err != nil {
		return nil, errTruncated
	}
	d.read += n
	return b, nil
}

func (d *decoder) string(n int64) (string, error) {
	b, err := d.bytes(n)
	return string(b), err
}

// message reads the fields of a message of size bytes. visit is called with each
// field's number, wire type and, for wireBytes, length, and says whether it
// consumed the value; a value that it leaves is skipped.
func (d *decoder) message(size int64, visit func(field int, wire wireType, length int64) (bool, error)) error {
	if d.depth++; d.depth > maxNesting {
		return errors.New("messages are nested too deeply")
	}
	defer func() { d.depth-- }()
	end := d.read + size
	for d.read < end {
		tag, err := d.varint()
		if err != nil {
			return err
		}
		field, wire := tag>>3, wireType(tag&7)
		if field == 0 || field > 1<<29-1 {
			return fmt.Errorf("field number %d is out of range", field)
		}
		length, err := d.fieldLength(wire, end)
		if err != nil {
			return err
		}
		consumed, err := visit(int(field), wire, length)
		if err != nil {
			return err
		}
		if !consumed {
			if err := d.skipField(wire, length); err != nil {
				return err
			}
		}
	}
	if d.read != end {
		return errTruncated
	}
	return nil
}

func (d *decoder) fieldLength(wire wireType, end int64) (int64, error) {
	switch wire {
	case wireVarint:
		return 0, nil
	case wireFixed64:
		return 8, nil
	case wireFixed32:
		return 4, nil
	case wireBytes:
		n, err := d.varint()
		if err != nil {
			return 0, err
		}
		if n > math.MaxInt64 || int64(n) > end-d.read {
			return 0, errTruncated
		}
		return int64(n), nil
	}
	return 0, fmt.Errorf("wire type %d is not in use", wire)
}

func (d *decoder) skipField(wire wireType, length int64) error {
	if wire == wireVarint {
		_, err := d.varint()
		return err
	}
	return d.skip(length)
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
			return true, d.initializer(length, g)
		case 15: // SparseTensorProto: values = 1, whose name is the initializer's
			return true, d.message(length, func(field int, wire wireType, length int64) (bool, error) {
				if field != 1 || wire != wireBytes {
					return false, nil
				}
				return true, d.initializer(length, g)
			})
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

// node reads a NodeProto: input = 1, output = 2, op_type = 4.
func (d *decoder) node(size int64, g *graph) error {
	var n node
	var outputs []string
	err := d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		if wire != wireBytes || (field != 1 && field != 2 && field != 4) {
			return false, nil
		}
		s, err := d.string(length)
		switch field {
		case 1:
			n.inputs = append(n.inputs, s)
		case 2:
			outputs = append(outputs, s)
		case 4:
			n.op = s
		}
		return true, err
	})
	for _, out := range outputs {
		g.producers[out] = n
	}
	return err
}

// initializer reads the name (8) of a TensorProto and skips its data.
func (d *decoder) initializer(size int64, g *graph) error {
	return d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		if field != 8 || wire != wireBytes {
			return false, nil
		}
		name, err := d.string(length)
		g.initializers[name] = true
		return true, err
	})
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
			// Without dimensions it is a scalar's; without the field the rank is open.
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
