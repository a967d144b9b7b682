package repository

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// instance is an open session with a reference count: the leases and, until drop, the
// repository.
type instance struct {
	// bare is the engine's session, without the decoration of session.
	bare    engine.Session
	session engine.Session
	refs    atomic.Int64
	// closing closes the session once, for closeSession.
	closing  sync.Once
	closeErr error
	// close closes the session and reports that to the repository. It is called once.
	close func()
	// after is called when the session has been closed. It is set before drop.
	after func()
	// closed is closed when all of that is done.
	closed chan struct{}
}

// acquire adds a reference, unless the count is zero.
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

// closeSession closes the session, once. Each call returns when it is closed.
func (i *instance) closeSession() error {
	i.closing.Do(func() { i.closeErr = i.session.Close() })
	return i.closeErr
}

// release drops a reference and reports whether it was the last: the caller then calls
// close.
func (i *instance) release() bool { return i.refs.Add(-1) == 0 }

// closeWait bounds the wait for a session to close when a version is taken out of service.
// Close waits for calls into the engine whose callers left, which may never return: other
// models do not wait for them.
const closeWait = time.Second

// drop drops the repository's own reference. Without leases the session is closed when it
// returns, or, after closeWait, closes later.
func (i *instance) drop() {
	if !i.release() {
		return
	}
	go i.close()
	select {
	case <-i.closed:
	case <-time.After(closeWait):
	}
}

// Lease keeps a version loaded. It is for one goroutine, or for several that coordinate
// its release.
type Lease[S any] struct {
	*Version[S]
	released bool
}

// Session returns the version's session, which is open until Release.
func (l *Lease[S]) Session() engine.Session { return l.instance.session }

// Release ends the lease. Later calls do nothing. It does not wait for the session to
// close.
func (l *Lease[S]) Release() {
	if l.released {
		return
	}
	l.released = true
	if l.instance.release() {
		go l.instance.close() // a request does not wait for it; Repository.Close does
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
		// The version was dropped after the lookup, and before that a snapshot without it
		// was published, so the next lookup finds another.
	}
}

// EndRuns closes the sessions in service although they are leased: runs in progress end with
// engine.ErrClosed, and later ones fail with it. It does not wait for them. It is for the end
// of a shutdown, before Close.
func (r *Repository[S]) EndRuns() {
	for _, m := range r.Snapshot().Models {
		for _, v := range m.Versions {
			if v.instance != nil && v.instance.acquire() {
				go func() {
					lease := &Lease[S]{Version: v}
					defer lease.Release()
					_ = v.instance.closeSession() // Close returns the error
				}()
			}
		}
	}
}
