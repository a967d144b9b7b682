package rpcfast

import "github.com/tensorwire/tensorwire/internal/transport/bufpool"

const (
	// callBytes is what a call takes in memory besides its message: measured, a
	// goroutine's stack of 14 KiB and a few hundred small objects.
	callBytes = 16 << 10
	// retainedRatio is the part of the heap that Go retains when it is free, beyond what
	// is live: a tenth of what the heap may grow to (retainExtraPercent in
	// runtime/mgcscavenge.go). Buffers that come and go fill it.
	retainedRatio = 8
)

// memoryOf returns how much memory a message of n bytes takes, at any alignment of its
// tensor, with its call and its part of what Go retains.
func memoryOf(n int64) int64 {
	if n == 0 {
		return 0
	}
	size := int64(bufpool.Size(int(n) + bufpool.Alignment))
	return size + size/retainedRatio + callBytes
}
