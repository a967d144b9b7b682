// Package bufpool has pooled byte buffers in size classes: four from each power of two to the
// next, so that at most a fifth of a buffer is unused.
//
// A buffer has one owner at a time: the caller of Get until Put, and then the pool. An owner that
// cannot know whether a buffer is still in use leaves it to the garbage collector instead of
// Put. The garbage collector frees a pooled buffer that was not used for two of its cycles.
//
// Buffers for messages have pools of their own: processes that run models may read them.
//
// The package is a leaf, and safe for concurrent use.
package bufpool

import (
	"math/bits"
	"sync"
	"unsafe"
)

const (
	// The smallest class has 4 KiB, the largest 96 MiB. Larger buffers are not pooled.
	minShift = 12
	classes  = 59
)

// Alignment is the alignment of buffers in bytes: that of every datatype's elements.
const Alignment = 8

var pools [classes]sync.Pool // of unsafe.Pointer to the first byte

// sizeOf returns the size of a class.
func sizeOf(class int) int {
	if class == 0 {
		return 1 << minShift
	}
	shift, quarters := minShift+(class-1)/4, (class-1)%4+1
	return 1<<shift + quarters<<(shift-2)
}

// classOf returns the smallest class that holds n bytes.
func classOf(n int) int {
	if n <= 1<<minShift {
		return 0
	}
	shift := bits.Len(uint(n-1)) - 1 // 2^shift < n <= 2^(shift+1)
	quarter := 1 << (shift - 2)
	return 4*(shift-minShift) + (n-1<<shift+quarter-1)/quarter
}

// Size returns how much memory a buffer of length n takes.
func Size(n int) int {
	if class := classOf(n); class < classes {
		return sizeOf(class)
	}
	return n
}

// Get returns a buffer of length n with arbitrary content, aligned to at least Alignment. Its
// capacity is that of its class, [Size]: up to a quarter more, and at least 4 KiB. The caller owns
// it until Put, or permanently.
func Get(n int) []byte {
	class := classOf(n)
	if class >= classes {
		return make([]byte, n)
	}
	if p, _ := pools[class].Get().(unsafe.Pointer); p != nil {
		return unsafe.Slice((*byte)(p), sizeOf(class))[:n]
	}
	return make([]byte, sizeOf(class))[:n]
}

// Put returns a buffer of Get or GetMessage to its pool: the slice that was returned, or one that begins less
// than Alignment bytes after it and has the rest of its capacity. The buffer must not be used
// afterwards. Put ignores slices of other capacities, and nil.
func Put(b []byte) {
	if cap(b) == 0 {
		return
	}
	first := unsafe.Pointer(unsafe.SliceData(b))
	lead := int(uintptr(first) % Alignment)
	class := classOf(lead + cap(b))
	if class >= classes || sizeOf(class) != lead+cap(b) {
		return // not of Get, or too large for the pool
	}
	first = unsafe.Add(first, -lead)
	Overwrite(unsafe.Slice((*byte)(first), sizeOf(class)))
	poolOf(class, first).Put(first)
}
