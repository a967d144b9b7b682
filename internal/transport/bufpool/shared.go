package bufpool

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// minShared is the size in bytes from which buffers for messages are shared: smaller tensors
// are copied to other processes.
const minShared = 16 << 10

// Allocator has memory that other processes can read. It is safe for concurrent use.
type Allocator interface {
	// Allocate returns size bytes, aligned to at least Alignment, which the garbage collector
	// frees. nil: there is no more of such memory, for now.
	Allocate(size int) []byte
	// Allocated reports whether first is the first byte of memory that is in use.
	Allocated(first unsafe.Pointer) bool
}

var (
	allocator atomic.Pointer[Allocator] // nil: messages are not shared
	// shared are the pools of the allocator's memory.
	shared [classes]sync.Pool
)

// ShareMessages makes GetMessage return memory of a. It is called once.
func ShareMessages(a Allocator) { allocator.Store(&a) }

// GetMessage is Get for a message of a client, whose tensors other processes read where they
// are. Nothing else is written to the buffer.
func GetMessage(n int) []byte {
	from := allocator.Load()
	if from == nil || n < minShared {
		return Get(n)
	}
	class := classOf(n)
	if class < classes {
		if p, _ := shared[class].Get().(unsafe.Pointer); p != nil {
			return unsafe.Slice((*byte)(p), sizeOf(class))[:n]
		}
	}
	if b := (*from).Allocate(Size(n)); b != nil {
		return b[:n]
	}
	return Get(n)
}

// poolOf returns the pool of a class for the buffer that begins at first.
func poolOf(class int, first unsafe.Pointer) *sync.Pool {
	if from := allocator.Load(); from != nil && sizeOf(class) >= minShared && (*from).Allocated(first) {
		return &shared[class]
	}
	return &pools[class]
}
