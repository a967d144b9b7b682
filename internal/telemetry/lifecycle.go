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
//  1. Stop: it is not ready for good, so that health and probes fail and load balancers send
//     no more requests. Requests are still served.
//  2. After the delay that load balancers need, Drain: streams answer the messages that they
//     have received, and end.
//  3. The listeners close, HTTP/2 connections get GOAWAY, and requests in flight finish.
//
// server.Server.Shutdown does 2 and 3.
type Lifecycle struct {
	ready, stopped atomic.Bool

	init     sync.Once
	drain    sync.Once
	draining chan struct{}
}

// SetReady sets whether the server is ready for requests. After Stop it stays not ready.
func (l *Lifecycle) SetReady(ready bool) { l.ready.Store(ready) }

// Ready reports whether the server is ready for requests.
func (l *Lifecycle) Ready() bool { return l.ready.Load() && !l.stopped.Load() }

// Stopped reports whether Stop was called.
func (l *Lifecycle) Stopped() bool { return l.stopped.Load() }

// Stop makes the server not ready for good. It may be called more than once.
func (l *Lifecycle) Stop() { l.stopped.Store(true) }

// Drain stops the server and begins its drain, which cannot be undone. It may be called more than
// once.
func (l *Lifecycle) Drain() {
	l.Stop()
	l.drain.Do(func() { close(l.channel()) })
}

// Draining returns a channel that Drain closes.
func (l *Lifecycle) Draining() <-chan struct{} { return l.channel() }

func (l *Lifecycle) channel() chan struct{} {
	l.init.Do(func() { l.draining = make(chan struct{}) })
	return l.draining
}
