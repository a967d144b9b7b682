package onnx

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tensorwire/tensorwire/internal/base/modelformat"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// readModel reads what is to know of the ONNX file at path before it is loaded.
//
// The file is a protobuf ModelProto (onnx/onnx.proto in the ONNX project). It is read as
// a stream that skips the weights, so that a model of gigabytes takes a few kilobytes of
// memory here. ONNX Runtime's own API reports neither the operator that computes an
// output nor the names of dynamic dimensions.
func readModel(path string) (*model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	m, err := parseModel(f, info.Size())
	if err != nil {
		return nil, cmp.Or(otherFormat(f, info.Size()), err)
	}
	return m, nil
}

// otherFormat names what a file is that is no ONNX model; nil when that is unknown.
func otherFormat(f io.ReaderAt, size int64) error {
	if size == 0 {
		return fmt.Errorf("%w: the file is empty: copy or download it again", engine.ErrBadModel)
	}
	beginning := make([]byte, min(size, modelformat.Beginning))
	if _, err := f.ReadAt(beginning, 0); err != nil {
		return nil //nolint:nilerr // the error of the parser says it
	}
	if format, ok := modelformat.Recognize(beginning); ok {
		return fmt.Errorf("%w: the file is no ONNX model, but %s: %s", engine.ErrBadModel, format.Name, format.Remedy)
	}
	return nil
}

// model is what an ONNX file says of a model.
type model struct {
	signature *engine.Signature
	// columns has, for an output that is a sequence of maps, the column of each key in the
	// order of the keys.
	columns map[string][]int
}

// graph is the part of a GraphProto that the reader keeps.
type graph struct {
	// irVersion is the model's version of the format.
	irVersion    uint64
	inputs       []value
	outputs      []value
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
	classes    classes
}

// parseModel reads the ModelProto of size bytes.
func parseModel(r io.ReadSeeker, size int64) (*model, error) {
	g := newGraph()
	found := false
	d := &decoder{seeker: r, buffered: bufio.NewReaderSize(r, 64<<10)}
	err := d.message(size, func(field int, wire wireType, length int64) (bool, error) {
		switch {
		case field == 1 && wire == wireVarint: // ModelProto.ir_version
			var err error
			g.irVersion, err = d.varint()
			return true, err
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
	if errors.Is(err, errTruncated) {
		return nil, fmt.Errorf("%w: not an ONNX model, or a part of one: %w: copy or download it again", engine.ErrBadModel, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: not an ONNX model: %w", engine.ErrBadModel, err)
	}
	if !found {
		return nil, fmt.Errorf("%w: not an ONNX model: it has no graph", engine.ErrBadModel)
	}
	return g.model()
}

func (g *graph) model() (*model, error) {
	if len(g.outputs) == 0 {
		return nil, fmt.Errorf("%w: the graph has no outputs", engine.ErrBadModel)
	}
	s := &engine.Signature{Inputs: g.required()}
	columns := map[string][]int{}
	sizes := newSizeTracer(g, s.Inputs)
	for _, out := range g.outputs {
		spec := out.spec
		spec.Producer = g.producer(spec.Name)
		spec.Sizes = sizes.of(spec.Name).sizes
		if n := g.producers[spec.Name]; out.kind == sequenceOfMaps && n.classes.describe(&spec) {
			columns[spec.Name] = n.classes.columns()
		}
		if spec.DataType == tensor.Invalid {
			s.Warnings = append(s.Warnings, out.warning())
		}
		s.Outputs = append(s.Outputs, spec)
	}
	g.addOptional(s)
	return &model{signature: s, columns: columns}, nil
}

// required returns the inputs without a default.
func (g *graph) required() []engine.TensorSpec {
	var inputs []engine.TensorSpec
	for _, in := range g.inputs {
		if !g.initializers[in.spec.Name] {
			inputs = append(inputs, in.spec)
		}
	}
	return inputs
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
			v, err := d.valueInfo(length)
			if field == 11 {
				g.inputs = append(g.inputs, v)
			} else {
				g.outputs = append(g.outputs, v)
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
			return true, d.attribute(length, &n.classes)
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
