package repository

import (
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// instance is a session and the number of those who need it open: the leases, and the
// repository until it lets go.
type instance struct {
	session engine.Session
	refs    atomic.Int64
	// close closes the session and tells the repository. It is called once.
	close func()
	// after is called when the session has been closed. It is set before the
	// repository lets go.
	after func()
}

// acquire adds a reference, unless the last one is gone.
func (i *instance) acquire() bool {
	for {
		n := i.refs.Load()
		if n == 0 {
			return false
		}
		if i.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release drops a reference and reports whether it was the last: close is then the
// caller's to call.
func (i *instance) release() bool { return i.refs.Add(-1) == 0 }

// closeWait is how long those who take a version out of service wait for its session to
// be closed. A call into the engine whose caller has gone is waited for by Close, and may
// never come back: other models are not kept waiting for it.
const closeWait = time.Second

// letGo drops the repository's own reference. Where no lease is out, the session is
// closed when it returns, or will be as soon as that can be.
func (i *instance) letGo() {
	if !i.release() {
		return
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		i.close()
	}()
	select {
	case <-closed:
	case <-time.After(closeWait):
	}
}

// Lease keeps a version loaded. It is for one goroutine, or for several that
// agree on who releases it.
type Lease[S any] struct {
	*Version[S]
	released bool
}

// Session returns the version's session, which runs until Release.
func (l *Lease[S]) Session() engine.Session { return l.instance.session }

// Release gives the version back. Later calls do nothing. It does not wait for a
// session to be closed.
func (l *Lease[S]) Release() {
	if l.released {
		return
	}
	l.released = true
	if l.instance.release() {
		go l.instance.close() // a request does not pay for its model's end; Close waits for it
	}
}

// Acquire leases a version of a model for one request. An empty name means the
// default model, an empty version the newest that is ready. The caller releases
// the lease.
func (r *Repository[S]) Acquire(name, version string) (*Lease[S], error) {
	for {
		_, v, err := r.Snapshot().Lookup(name, version)
		if err != nil {
			return nil, err
		}
		if v.State != Ready {
			return nil, v.unavailable()
		}
		if v.instance.acquire() {
			return &Lease[S]{Version: v}, nil
		}
		// The version was let go since it was looked up. That comes after the
		// snapshot without it, so the next look-up finds another.
	}
}
