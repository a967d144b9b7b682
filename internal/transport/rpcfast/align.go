package rpcfast

import (
	"sync/atomic"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// offsets has, by the length of a message, the position of the largest bytes field in the last
// message of that length. The next one is read to an address at which that field is aligned for
// every datatype: the engine copies an unaligned tensor. Messages of one length mostly come from
// one client and differ in little else. A wrong guess costs that copy. It is safe for concurrent
// use.
type offsets [64]atomic.Uint32

// lead returns how many bytes are left unused before a message of n bytes.
func (o *offsets) lead(n int) int { return int(o[n%len(o)].Load()) }

// learn records the position of field, which is a part of message.
func (o *offsets) learn(message, field []byte) {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(field))) - uintptr(unsafe.Pointer(unsafe.SliceData(message)))
	lead := uint32(-at % bufpool.Alignment)
	if known := &o[len(message)%len(o)]; known.Load() != lead {
		known.Store(lead)
	}
}
