package onnx

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

const (
	// pooledLeast is the size from which an output is made in memory that is used again.
	// Below it Go's own allocator costs as little.
	pooledLeast = 16 << 10
	// markEach is how many bytes lie from one mark to the next, but for a model's first run,
	// which is marked all over.
	markEach = 4 << 10
	markSize = 8
)

// memory makes the outputs of one run. The zero value makes all anew, zeroed; with pooled,
// large ones lie in buffers of the pool, where other requests' bytes are still.
type memory struct {
	pooled  bool
	buffers [][]byte
	// given is how many of the buffers the runtime itself writes to, which have marks in
	// them: mark, which is random, every each bytes from first on.
	given       int
	mark        uint64
	first, each int
}

// get returns size bytes, aligned for every datatype, for an output that the caller writes
// itself, all of it.
func (m *memory) get(size int64) []byte {
	if !m.pooled || size < pooledLeast {
		return ort.NewBuffer(size)
	}
	b := bufpool.Get(int(size))
	m.buffers = append(m.buffers, b)
	return b
}

// give returns size bytes, aligned likewise, for an output that the runtime is to write.
// All calls of give come before those of get.
func (m *memory) give(size int64) []byte {
	b := m.get(size)
	if len(m.buffers) == m.given {
		return b
	}
	if m.given == 0 {
		m.mark, m.first = rand.Uint64(), rand.IntN(m.each)
	}
	m.given = len(m.buffers)
	for at := m.first; at+markSize <= len(b); at += m.each {
		binary.LittleEndian.PutUint64(b[at:], m.mark)
	}
	return b
}

// unwritten reports whether the runtime has left a mark in what it was given, in a run that
// was a success. There are operators with outputs that they do not compute, such as
// SkipLayerNormalization's mean on CPUs: what is there then is another request's. A gap that
// a model always leaves is seen in its first run, and a later one where it is larger than
// the marks are apart.
func (m *memory) unwritten() bool {
	for _, b := range m.buffers[:m.given] {
		for at := m.first; at+markSize <= len(b); at += m.each {
			if binary.LittleEndian.Uint64(b[at:]) == m.mark {
				return true
			}
		}
	}
	return false
}

// free returns what gives the buffers back to the pool; nil where there are none.
func (m *memory) free() func() {
	if len(m.buffers) == 0 {
		return nil
	}
	buffers := m.buffers
	return func() {
		for _, b := range buffers {
			bufpool.Put(b)
		}
	}
}
