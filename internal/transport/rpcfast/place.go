package rpcfast

import (
	"sync/atomic"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// places knows, by the length of a message, where the largest bytes field lay in the
// latest message of that length, so that the next is read to where that field is aligned
// for every datatype: the engine copies a tensor that is not. Messages of one length are
// mostly one caller's, which differ in little else. A guess that is wrong costs that copy.
// It is safe for concurrent use.
type places [64]atomic.Uint32

// lead returns how many bytes are left free before a message of n bytes.
func (p *places) lead(n int) int { return int(p[n%len(p)].Load()) }

// learn takes note of where a field lies, which is a part of message.
func (p *places) learn(message, field []byte) {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(field))) - uintptr(unsafe.Pointer(unsafe.SliceData(message)))
	lead := uint32(-at % bufpool.Alignment)
	if known := &p[len(message)%len(p)]; known.Load() != lead {
		known.Store(lead)
	}
}
