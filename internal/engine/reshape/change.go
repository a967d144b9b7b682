package reshape

import (
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Change is the change of one tensor's shape. It is immutable.
type Change struct {
	// client is the shape that clients see, model the model's. Their dynamic dimensions
	// correspond in their order.
	client, model tensor.Shape
}

// New returns the change between the shape that clients see and the model's. The rules are
// Triton's (ValidateIOShape in its model_config_utils.cc): both shapes have as many dynamic
// dimensions, and as many elements before, between and after these. A shape without
// dimensions is a scalar. The error says which of these does not hold.
func New(client, model tensor.Shape) (Change, error) {
	for _, shape := range []tensor.Shape{client, model} {
		if i := slices.IndexFunc(shape, func(d int64) bool { return d < 1 && d != tensor.Dynamic }); i >= 0 {
			return Change{}, fmt.Errorf("%v has %d: use sizes from 1, or -1 for a dynamic dimension", shape, shape[i])
		}
	}
	a, err := runs(client)
	if err != nil {
		return Change{}, err
	}
	b, err := runs(model)
	if err != nil {
		return Change{}, err
	}
	if len(a) != len(b) {
		return Change{}, fmt.Errorf("%v has %d dynamic dimensions, and %v has %d: use as many", client, len(a)-1, model, len(b)-1)
	}
	for i := range a {
		switch {
		case a[i] == b[i]:
		case len(a) == 1:
			return Change{}, fmt.Errorf("%v has %d elements, and %v has %d: use shapes with equal numbers", client, a[i], model, b[i])
		default:
			return Change{}, fmt.Errorf("%v and %v have different numbers of elements before, between or after their dynamic dimensions (%d and %d): use equal ones", client, model, a[i], b[i])
		}
	}
	return Change{client: client.Clone(), model: model.Clone()}, nil
}

// WithBatch returns the change with a dynamic batch dimension in front of both shapes.
func (c Change) WithBatch() Change {
	batch := tensor.Shape{tensor.Dynamic}
	return Change{client: slices.Concat(batch, c.client), model: slices.Concat(batch, c.model)}
}

// runs returns the numbers of elements of the parts of a shape that its dynamic dimensions
// separate.
func runs(shape tensor.Shape) ([]int64, error) {
	var all []int64
	for rest := shape; ; {
		end := slices.Index(rest, tensor.Dynamic)
		part := rest
		if end >= 0 {
			part = rest[:end]
		}
		elements, err := part.Elements()
		if err != nil {
			return nil, err
		}
		all = append(all, elements)
		if end < 0 {
			return all, nil
		}
		rest = rest[end+1:]
	}
}

// toModel returns the model's shape for a shape that a client gives and that fits.
func (c Change) toModel(shape tensor.Shape) tensor.Shape { return convert(shape, c.client, c.model) }

// toClient returns the client's shape for one that the model returns and that fits.
func (c Change) toClient(shape tensor.Shape) tensor.Shape { return convert(shape, c.model, c.client) }

// convert returns to with the sizes that shape has for the dynamic dimensions of from.
func convert(shape, from, to tensor.Shape) tensor.Shape {
	converted, next := make(tensor.Shape, len(to)), 0
	for i, size := range to {
		if size == tensor.Dynamic {
			next += slices.Index(from[next:], tensor.Dynamic)
			size = shape[next]
			next++
		}
		converted[i] = size
	}
	return converted
}

// names returns the names of the client's dimensions, given the model's.
func (c Change) names(model []string) []string {
	names, next := make([]string, len(c.client)), 0
	for i, size := range c.client {
		if size != tensor.Dynamic {
			continue
		}
		next += slices.Index(c.model[next:], tensor.Dynamic)
		if next < len(model) {
			names[i] = model[next]
		}
		next++
	}
	return names
}
