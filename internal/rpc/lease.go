package rpc

import (
	"context"
	"sync"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

// leases are the buffers that a call's messages alias.
type leases struct {
	mu   sync.Mutex
	held map[any][]byte // by message
}

type leasesKey struct{}

// Release gives back the memory of a message that a stream's handler has received with
// ctx, or one derived from it. Nobody may look at its bytes fields any more, nor at
// what aliases them. For messages that alias nothing it does nothing. It is safe for
// concurrent use.
func Release(ctx context.Context, message any) {
	l, ok := ctx.Value(leasesKey{}).(*leases)
	if !ok {
		return
	}
	l.mu.Lock()
	buf, held := l.held[message]
	delete(l.held, message)
	l.mu.Unlock()
	if held {
		bufpool.Put(buf)
	}
}

func (l *leases) hold(message any, buf []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[any][]byte{}
	}
	l.held[message] = buf
}
