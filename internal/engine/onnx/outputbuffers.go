package onnx

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

const (
	// minPooledBytes is the size from which an output uses a pooled buffer. Below it
	// Go's own allocator is as cheap.
	minPooledBytes = 16 << 10
	// markStride is the distance in bytes between marks after a model's first run. The
	// first run has marks everywhere.
	markStride = 4 << 10
	markSize   = 8
)

// outputBuffers allocates the outputs of one run. The zero value allocates new, zeroed
// memory. With pooled set, large outputs use pooled buffers, which still contain bytes
// of other requests.
type outputBuffers struct {
	pooled  bool
	buffers [][]byte
	// marked is how many of the buffers the runtime itself writes. They contain marks:
	// mark, a random value, at every stride bytes from offset on.
	marked         int
	mark           uint64
	offset, stride int
}

// allocate returns size bytes, aligned for every datatype, which the caller overwrites
// completely.
func (o *outputBuffers) allocate(size int64) []byte {
	if !o.pooled || size < minPooledBytes {
		return ort.NewBuffer(size)
	}
	b := bufpool.Get(int(size))
	o.buffers = append(o.buffers, b)
	return b
}

// allocateMarked is allocate for an output that the runtime writes. All its calls
// precede those of allocate.
func (o *outputBuffers) allocateMarked(size int64) []byte {
	b := o.allocate(size)
	if len(o.buffers) == o.marked {
		return b
	}
	if o.marked == 0 {
		o.mark, o.offset = rand.Uint64(), rand.IntN(o.stride)
	}
	o.marked = len(o.buffers)
	for at := o.offset; at+markSize <= len(b); at += o.stride {
		binary.LittleEndian.PutUint64(b[at:], o.mark)
	}
	return b
}

// unwritten reports whether a mark is left after a successful run: the runtime did not
// write all of an output. Some operators have outputs that they do not compute, such as
// SkipLayerNormalization's mean on CPUs; the buffer then still contains bytes of another
// request. The first run detects every gap, a later run a gap larger than the stride.
func (o *outputBuffers) unwritten() bool {
	for _, b := range o.buffers[:o.marked] {
		for at := o.offset; at+markSize <= len(b); at += o.stride {
			if binary.LittleEndian.Uint64(b[at:]) == o.mark {
				return true
			}
		}
	}
	return false
}

// release returns the function that returns the buffers to the pool; nil when there are
// none.
func (o *outputBuffers) release() func() {
	if len(o.buffers) == 0 {
		return nil
	}
	buffers := o.buffers
	return func() {
		for _, b := range buffers {
			bufpool.Put(b)
		}
	}
}
