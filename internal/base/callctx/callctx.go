// Package callctx has contexts for calls that are mostly too short to be ended.
package callctx

import (
	"context"
	"sync"
)

// Context is a context that its owner ends with a cause, as one of
// [context.WithCancelCause]. It registers with its parent when something waits for it: a call
// that returns before does not pay for that. It is safe for concurrent use.
type Context struct {
	context.Context //nolint:containedctx // this is a context, and the field its parent

	mu    sync.Mutex // guards what follows
	cause error      // of End; nil before
	// waited ends with the parent, and with End, by cancel. It is nil until something waits.
	waited context.Context //nolint:containedctx // as above
	cancel context.CancelCauseFunc
}

// New returns a context that ends with parent, or by End. The owner calls End, or lets parent
// end, to free what those who wait have registered.
func New(parent context.Context) *Context { return &Context{Context: parent} }

// End ends the context with a cause, nil for [context.Canceled]. The first cause counts.
func (c *Context) End(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return
	}
	c.cause = cause
	if c.cancel != nil {
		c.cancel(cause)
	}
}

// Done implements [context.Context].
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waitLocked().Done()
}

// Err implements [context.Context].
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stateLocked().Err()
}

// Value implements [context.Context]. [context.Cause] and derived contexts find what they need
// of an ended or waited context by its values.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	from := c.stateLocked()
	c.mu.Unlock()
	return from.Value(key)
}

// stateLocked returns the context that has the state and the cause of c: the parent as long as
// it alone can end c.
func (c *Context) stateLocked() context.Context {
	if c.waited == nil && c.cause == nil {
		return c.Context
	}
	return c.waitLocked()
}

// waitLocked returns the context that ends when c does.
func (c *Context) waitLocked() context.Context {
	if c.waited == nil {
		c.waited, c.cancel = context.WithCancelCause(c.Context)
		if c.cause != nil {
			c.cancel(c.cause)
		}
	}
	return c.waited
}
