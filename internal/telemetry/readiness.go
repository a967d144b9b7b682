package telemetry

import "sync/atomic"

// Readiness says whether the server should be sent work. It begins as not ready
// and is safe for concurrent use.
type Readiness struct{ ready atomic.Bool }

// Set says from now on whether the server is ready.
func (r *Readiness) Set(ready bool) { r.ready.Store(ready) }

// Ready reports what Set said last.
func (r *Readiness) Ready() bool { return r.ready.Load() }
