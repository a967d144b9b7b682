package scheduler

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxKeptBytes limits the buffer for one input that a gatherer keeps for the next batch. For
// a larger input the allocation is negligible compared to its computation.
const maxKeptBytes = 8 << 20

// gatherer joins the inputs of requests into the inputs of one call, in buffers that it
// reuses. It is for one goroutine.
type gatherer struct {
	buffers [][]byte
	inputs  []tensor.Tensor
}

// gather returns the inputs of all requests joined by rows, and the number of rows. They
// are valid until the next call.
func (g *gatherer) gather(batch []*entry) ([]tensor.Tensor, int64) {
	rows := int64(0)
	for _, e := range batch {
		rows += e.rows
	}
	first := batch[0].inputs
	g.inputs = g.inputs[:0]
	for len(g.buffers) < len(first) {
		g.buffers = append(g.buffers, nil)
	}
	for i := range first {
		if engine.IsAbsent(first[i]) {
			g.inputs = append(g.inputs, tensor.Tensor{})
			continue
		}
		size := 0
		for _, e := range batch {
			size += len(e.inputs[i].Data)
		}
		data := g.buffer(i, size)
		for _, e := range batch {
			data = append(data, e.inputs[i].Data...)
		}
		shape := first[i].Shape.Clone()
		shape[0] = rows
		g.inputs = append(g.inputs, tensor.Tensor{DataType: first[i].DataType, Shape: shape, Data: data})
	}
	return g.inputs, rows
}

// buffer returns an empty buffer for input i with room for size bytes, aligned for every
// datatype.
func (g *gatherer) buffer(i, size int) []byte {
	if cap(g.buffers[i]) >= size {
		return g.buffers[i][:0]
	}
	data := tensor.AsBytes(make([]uint64, (size+7)/8))[:0]
	if size <= maxKeptBytes {
		g.buffers[i] = data
	}
	return data
}

// clear drops the inputs, and buffers that the result still uses: an engine may return an
// input as an output, which the callers then own.
func (g *gatherer) clear(result *engine.Result) {
	clear(g.inputs)
	for i, buffer := range g.buffers {
		if result != nil && slices.ContainsFunc(result.Outputs, func(out tensor.Tensor) bool { return tensor.ShareMemory(buffer, out.Data) }) {
			g.buffers[i] = nil
		}
	}
}

// scatter splits the result of a batch by requests, without copies: each request gets its
// part of the outputs' memory, and the last release frees it. An output without the
// batch's rows is an error.
func scatter(result *engine.Result, signature *engine.Signature, batch []*entry, rows int64) ([]answer, error) {
	// One allocation for all answers costs less than half of separate ones.
	n, free := len(result.Outputs), freeLast(result, len(batch))
	answers, results, outputs := make([]answer, len(batch)), make([]engine.Result, len(batch)), make([]tensor.Tensor, len(batch)*n)
	for i := range batch {
		results[i] = engine.Result{Outputs: outputs[i*n : (i+1)*n : (i+1)*n], Timings: result.Timings, Free: free}
		answers[i].result = &results[i]
	}
	for o, out := range result.Outputs {
		if out.DataType == tensor.Invalid {
			continue
		}
		if len(out.Shape) == 0 || out.Shape[0] != rows {
			return nil, fmt.Errorf("output %q of a batch of %d rows has shape %v: the model does not preserve the batch dimension", signature.Outputs[o].Name, rows, out.Shape)
		}
		data, shapes, rank := out.Data, slices.Repeat(out.Shape, len(batch)), len(out.Shape)
		for i, e := range batch {
			part := out
			part.Shape = shapes[i*rank : (i+1)*rank : (i+1)*rank]
			part.Shape[0] = e.rows
			size, err := partSize(part, data, int64(len(out.Data))/rows)
			if err != nil {
				return nil, fmt.Errorf("output %q: %w", signature.Outputs[o].Name, err)
			}
			part.Data, data = data[:size:size], data[size:]
			answers[i].result.Outputs[o] = part
		}
	}
	return answers, nil
}

// freeLast returns the Free function of the parts of a result; nil when the result has
// none. The last released part releases the result. A part that is never released keeps
// it.
func freeLast(result *engine.Result, parts int) func() {
	if result.Free == nil {
		return nil
	}
	var freed atomic.Int64
	return func() {
		if freed.Add(1) == int64(parts) {
			result.Release()
		}
	}
}

// partSize returns the size in bytes of part, whose elements are at the start of data.
func partSize(part tensor.Tensor, data []byte, bytesPerRow int64) (int, error) {
	if part.DataType != tensor.Bytes {
		return int(part.Shape[0] * bytesPerRow), nil
	}
	elements, err := part.Shape.Elements()
	if err != nil {
		return 0, err
	}
	size := 0
	for element := range tensor.BytesElements(data) {
		if elements == 0 {
			break
		}
		elements--
		size += tensor.BytesPrefix + len(element)
	}
	return size, nil
}
