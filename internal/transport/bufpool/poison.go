package bufpool

import "sync/atomic"

// Poisoned is what a buffer consists of after Put, while Poison is on.
const Poisoned = 0xdb

// poisoning is off in the product.
var poisoning atomic.Bool

// Poison says whether Put overwrites what it is given, so that whoever still looks sees
// nonsense. It is for tests: on in all that run under the race detector, which also sees
// who looks at the moment of the Put, and in those that switch it on. It returns what it
// was.
func Poison(on bool) (before bool) { return poisoning.Swap(on) }

func poison(b []byte) {
	if !poisoning.Load() {
		return
	}
	b[0] = Poisoned
	for n := 1; n < len(b); n *= 2 { // a write at a time takes the race detector seconds
		copy(b[n:], b[:n])
	}
}
