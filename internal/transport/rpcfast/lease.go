package rpcfast

import (
	"context"
	"reflect"
	"sync"
	"unsafe"
	"weak"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// Release returns the memory of a message to the pool. The handler has received the message with
// ctx or a context that ctx is derived from. The message's bytes fields, and all that aliases
// them, are invalid afterwards; its other fields stay valid. The handler of a stream calls it when
// it is done with a message, in any order. The handler of a unary call may call it to release the
// memory before it returns. For messages that alias no buffer, of other calls, or already
// released, it does nothing. It is safe for concurrent use, even after the call has ended.
func Release(ctx context.Context, message proto.Message) {
	if buf := take(ctx, message); buf != nil {
		bufpool.Put(buf)
	}
}

// Lend lends memory to the one response of the call of ctx. free is called when the handler has
// returned and the response is written, under the conditions that return the memory of the call's
// message to the pool. Otherwise, and on the slow path, it is not called. Lend is safe for
// concurrent use until the handler returns.
func Lend(ctx context.Context, free func()) {
	if l := leasesOf(ctx); l != nil {
		l.lend(free)
	}
}

// take ends the lease of a message and returns its buffer.
func take(ctx context.Context, message proto.Message) []byte {
	if l := leasesOf(ctx); l != nil {
		return l.take(pointer(message))
	}
	return nil
}

// leasesOf returns the leases of a call on the fast path, else nil.
func leasesOf(ctx context.Context) *leases {
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return nil
	}
	l, _ := info.TransportInfo.(*leases)
	return l
}

// leases are the pooled buffers that a call's messages alias.
type leases struct {
	mu sync.Mutex // for all below
	// single: the call has one message, whose lease lasts until the call ends.
	single bool
	own    []byte
	from   unsafe.Pointer // the message that aliases own
	// held are the buffers of a stream's messages. Weak pointers keep neither alive: a
	// message that is dropped without Release leaves only an entry here, and another message
	// at its address has another weak pointer.
	held map[weak.Pointer[byte]]lease // by message
	// prune is the number of entries from which those of dropped messages are removed.
	prune int
	// lent frees the memory that was lent to the response.
	lent []func()
}

// lease is a pooled buffer that its message keeps alive.
type lease struct {
	first weak.Pointer[byte]
	size  int
}

// pointer returns the address of a message, or nil for one that is not a pointer.
func pointer(message proto.Message) unsafe.Pointer {
	if v := reflect.ValueOf(message); v.Kind() == reflect.Pointer {
		return v.UnsafePointer()
	}
	return nil
}

// hold records that message aliases buf, a complete pooled buffer; nil: it aliases none.
func (l *leases) hold(message proto.Message, buf []byte) {
	at := pointer(message)
	if at == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.single {
		l.own, l.from = buf, at
		return
	}
	if buf == nil {
		if len(l.held) > 0 { // the message may be reused by its handler
			delete(l.held, weak.Make((*byte)(at)))
		}
		return
	}
	if len(l.held) >= l.prune {
		l.removeDroppedLocked()
	}
	l.held[weak.Make((*byte)(at))] = lease{weak.Make(unsafe.SliceData(buf)), cap(buf)}
}

// removeDroppedLocked removes the entries of dropped messages.
func (l *leases) removeDroppedLocked() {
	if l.held == nil {
		l.held = map[weak.Pointer[byte]]lease{}
	}
	for key := range l.held {
		if key.Value() == nil {
			delete(l.held, key)
		}
	}
	l.prune = max(16, 2*len(l.held))
}

func (l *leases) take(at unsafe.Pointer) []byte {
	if at == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.single {
		if at != l.from {
			return nil
		}
		buf := l.own
		l.own = nil
		return buf
	}
	key := weak.Make((*byte)(at))
	held, ok := l.held[key]
	if !ok {
		return nil
	}
	delete(l.held, key)
	first := held.first.Value()
	if first == nil {
		return nil
	}
	return unsafe.Slice(first, held.size)
}

func (l *leases) lend(free func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lent = append(l.lent, free)
}

// end ends the lease of a call's one message and of the memory lent to its response. reuse: none
// of it is in use any more.
func (l *leases) end(reuse bool) {
	l.mu.Lock()
	own, lent := l.own, l.lent
	l.own, l.lent = nil, nil
	l.mu.Unlock()
	if !reuse {
		return
	}
	bufpool.Put(own)
	for _, free := range lent {
		free()
	}
}
