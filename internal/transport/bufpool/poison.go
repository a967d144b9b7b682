package bufpool

import "sync/atomic"

// Poisoned is every byte of a buffer after Put, while Poison is on.
const Poisoned = 0xdb

// poisoning is off in the product.
var poisoning atomic.Bool

// Poison sets whether Put overwrites buffers, so that a use after Put reads garbage. It is for
// tests: on in all that run under the race detector, which also detects a use during Put, and in
// those that switch it on. It returns the former value.
func Poison(on bool) (before bool) { return poisoning.Swap(on) }

// Overwrite fills b as Put does, while Poison is on. It is for pools of other memory.
func Overwrite(b []byte) {
	if len(b) == 0 || !poisoning.Load() {
		return
	}
	b[0] = Poisoned
	for n := 1; n < len(b); n *= 2 { // writing byte by byte takes seconds under the race detector
		copy(b[n:], b[:n])
	}
}
