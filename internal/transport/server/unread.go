package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxUnreadGrace is how long a drain waits for clients that take nothing of their responses, when
// nothing else is left to wait for. A shorter drain has a third of its time for them.
const maxUnreadGrace = 5 * time.Second

// unreadLooks is how often the drain looks at the clients in that time.
const unreadLooks = 10

// errUnread ends a drain whose last clients do not read.
var errUnread = errors.New("clients do not read their responses")

// exchanges are the requests whose handlers run. It is safe for concurrent use.
type exchanges struct {
	mu      sync.Mutex
	running map[*exchange]struct{}
}

// track returns a handler whose requests are exchanges.
func (x *exchanges) track(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, r := observe(w, r)
		x.mu.Lock()
		if x.running == nil {
			x.running = make(map[*exchange]struct{})
		}
		x.running[e] = struct{}{}
		x.mu.Unlock()
		defer func() {
			x.mu.Lock()
			delete(x.running, e)
			x.mu.Unlock()
		}()
		next.ServeHTTP(e, r)
	})
}

// writes says whether a handler waits for its client. It is safe for concurrent use.
type writes struct{ n atomic.Uint32 } // odd during a write

func (w *writes) begin() { w.n.Add(1) }
func (w *writes) end()   { w.n.Add(1) }

// moved reports progress of a write.
func (w *writes) moved() { w.n.Add(2) }

// unreadWatch finds out when a drain waits for nothing but clients that do not read.
type unreadWatch struct {
	endpoints []*endpoint
	// stuck is how many looks in a row found each handler that runs in the same write; quiet is
	// how many found besides that no client has acknowledged anything.
	stuck, quiet int
	writes       map[*exchange]uint32
	acked        uint64
	// unread reports that stuck has reached unreadLooks.
	unread atomic.Bool
}

// look looks at the clients, and reports whether the drain waits in vain.
func (u *unreadWatch) look() bool {
	writes, acked := make(map[*exchange]uint32), uint64(0)
	u.stuck++
	for _, e := range u.endpoints {
		acked += e.connections.acked()
		e.exchanges.mu.Lock()
		for x := range e.exchanges.running {
			n := x.writes.n.Load()
			writes[x] = n
			if before, known := u.writes[x]; n%2 == 0 || !known || before != n {
				u.stuck = 0
			}
		}
		e.exchanges.mu.Unlock()
	}
	u.quiet++
	if acked != u.acked {
		u.quiet = 0
	}
	u.quiet = min(u.quiet, u.stuck)
	u.writes, u.acked = writes, acked
	u.unread.Store(u.stuck >= unreadLooks)
	return u.quiet >= unreadLooks
}

// run cancels a drain when it waits in vain.
func (u *unreadWatch) run(ctx context.Context, cancel context.CancelCauseFunc) {
	grace := maxUnreadGrace
	if deadline, ok := ctx.Deadline(); ok {
		grace = min(grace, time.Until(deadline)/3)
	}
	ticker := time.NewTicker(max(grace/unreadLooks, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if u.look() {
				cancel(errUnread)
				return
			}
		}
	}
}
