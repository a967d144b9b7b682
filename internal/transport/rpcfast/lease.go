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

// Release gives back the memory of a message that a handler has received with ctx, or one
// derived from it. Nobody may look at the message's bytes fields any more, nor at what
// aliases them; its other fields stay. A handler of a stream calls it when it is done
// with a message, in any order; one of a unary call may, to give it back before it
// returns. For messages that alias nothing, of other calls, or released before, it does
// nothing. It is safe for concurrent use, also after the call has ended.
func Release(ctx context.Context, message proto.Message) {
	if buf := take(ctx, message); buf != nil {
		bufpool.Put(buf)
	}
}

// Keep takes the memory of a message that a handler has received with ctx, or one
// derived from it, from the pool for good: whoever holds a view of it may look for ever,
// and the garbage collector frees it. A later Release does nothing. It is safe for
// concurrent use until the handler returns.
func Keep(ctx context.Context, message proto.Message) { _ = take(ctx, message) }

// Lend lends memory to the one answer of the call with ctx, or one that ctx is derived
// from. free is called when the handler has returned and nobody looks at that memory any
// more, on the same terms as the memory of the call's message goes back to the pool. Else,
// and on other roads than the short one, it is not called. It is safe for concurrent use
// until the handler returns.
func Lend(ctx context.Context, free func()) {
	if l := leasesOf(ctx); l != nil {
		l.lend(free)
	}
}

// take ends the lease of a message, and returns its buffer.
func take(ctx context.Context, message proto.Message) []byte {
	if l := leasesOf(ctx); l != nil {
		return l.take(pointer(message))
	}
	return nil
}

// leasesOf returns those of a call of the short road, else nil.
func leasesOf(ctx context.Context) *leases {
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return nil
	}
	l, _ := info.TransportInfo.(*leases)
	return l
}

// leases are the buffers of the pool that a call's messages alias.
type leases struct {
	mu sync.Mutex
	// one says that the call has one message. It is held until the call ends.
	one  bool
	own  []byte
	from unsafe.Pointer // the message that aliases own
	// held are the buffers of a stream's messages. Weak pointers keep neither alive: of
	// a message that is dropped without Release, nothing is left but an entry here, and
	// what takes its place in memory is not taken for it.
	held map[weak.Pointer[byte]]lease // by message
	// prune is how many are held when those that have gone are looked for.
	prune int
	// lent frees what the answer was lent.
	lent []func()
}

// lease is a buffer of the pool that its message keeps alive.
type lease struct {
	first weak.Pointer[byte]
	size  int
}

// pointer returns where a message is, or nil for one that is no pointer.
func pointer(message proto.Message) unsafe.Pointer {
	if v := reflect.ValueOf(message); v.Kind() == reflect.Pointer {
		return v.UnsafePointer()
	}
	return nil
}

// hold remembers that message aliases buf, a whole buffer of the pool; nil: it aliases
// none.
func (l *leases) hold(message proto.Message, buf []byte) {
	at := pointer(message)
	if at == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.one {
		l.own, l.from = buf, at
		return
	}
	if buf == nil {
		if len(l.held) > 0 { // the message may have been used before
			delete(l.held, weak.Make((*byte)(at)))
		}
		return
	}
	if len(l.held) >= l.prune {
		l.forget()
	}
	l.held[weak.Make((*byte)(at))] = lease{weak.Make(unsafe.SliceData(buf)), cap(buf)}
}

// forget drops what has gone.
func (l *leases) forget() {
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
	if l.one {
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

// end ends the lease of a call's one message, and what its answer was lent. reuse says
// that nobody looks any more.
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
