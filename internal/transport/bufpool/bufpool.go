// Package bufpool has buffers of bytes that are used again, in classes of size: four
// from each power of two to the next, so that no more than a fifth of a buffer is left
// unused.
//
// A buffer has one owner at a time: who has got it by Get, until Put, and then the pool.
// An owner who cannot know that nobody looks at a buffer any more leaves it to the garbage
// collector instead of Put. What the pool has is freed by the garbage collector when it
// has not been used for two of its cycles.
//
// It is a leaf, and safe for concurrent use.
package bufpool

import (
	"math/bits"
	"sync"
	"unsafe"
)

const (
	// The smallest class has 4 KiB, the largest 96 MiB; what is larger is left to the
	// garbage collector.
	minShift = 12
	classes  = 59
)

// Alignment is that of buffers: of every datatype's elements.
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

// Get returns a buffer of length n, whose content is whatever it was, aligned to
// Alignment at least. Its capacity is its class's, [Size]: up to a quarter as much again, and at least
// 4 KiB. The caller owns it until Put, or for ever.
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

// Put gives a buffer of Get back: the slice that Get returned, or one that begins where it
// does or less than Alignment bytes after, and has the rest of its capacity. Nobody may
// look at it any more. Slices of other capacities are left to the garbage collector, as is
// nil.
func Put(b []byte) {
	if cap(b) == 0 {
		return
	}
	first := unsafe.Pointer(unsafe.SliceData(b))
	lead := int(uintptr(first) % Alignment)
	class := classOf(lead + cap(b))
	if class >= classes || sizeOf(class) != lead+cap(b) {
		return // not one of ours, or too large to keep
	}
	first = unsafe.Add(first, -lead)
	poison(unsafe.Slice((*byte)(first), sizeOf(class)))
	pools[class].Put(first)
}
