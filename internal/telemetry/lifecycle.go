package telemetry

import (
	"sync"
	"sync/atomic"
)

// Lifecycle is the state of a server between its start and its end: whether it is ready
// for requests, and whether it drains. Health, probes, handlers and the HTTP server all
// read this one. The zero value is starting: not ready, not draining. It is safe for
// concurrent use.
//
// A server stops in this order:
//  1. SetReady(false): health and probes fail, so that load balancers send no more. Requests
//     are still served.
//  2. After the delay that load balancers need, Drain: streams answer the messages that they
//     have received, and end.
//  3. The listeners close, HTTP/2 connections get GOAWAY, and requests in flight finish.
//
// server.Server.Shutdown does 2 and 3.
type Lifecycle struct {
	ready, drained atomic.Bool

	init     sync.Once
	drain    sync.Once
	draining chan struct{}
}

// SetReady sets whether the server is ready for requests. Once it drains it stays not ready.
func (l *Lifecycle) SetReady(ready bool) { l.ready.Store(ready) }

// Ready reports whether the server is ready for requests. A server that drains is not.
func (l *Lifecycle) Ready() bool { return l.ready.Load() && !l.drained.Load() }

// Drain begins the drain, which cannot be undone, and makes the server not ready. It may be
// called more than once.
func (l *Lifecycle) Drain() {
	l.drained.Store(true)
	l.drain.Do(func() { close(l.channel()) })
}

// Draining returns a channel that Drain closes.
func (l *Lifecycle) Draining() <-chan struct{} { return l.channel() }

func (l *Lifecycle) channel() chan struct{} {
	l.init.Do(func() { l.draining = make(chan struct{}) })
	return l.draining
}
