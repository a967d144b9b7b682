package imageinput

import "context"

// Slots bounds how many images are decoded at once. A small file can hold many pixels,
// so the bytes of a request do not bound the memory of its decoding. Slots is safe for
// concurrent use.
type Slots struct{ taken chan struct{} }

// NewSlots returns as many slots as n.
func NewSlots(n int) Slots { return Slots{taken: make(chan struct{}, n)} }

// Acquire waits for a slot, which the caller returns by Release. It returns the
// error of ctx when that ends first.
func (s Slots) Acquire(ctx context.Context) error {
	select {
	case s.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Release returns a slot.
func (s Slots) Release() { <-s.taken }
