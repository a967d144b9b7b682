package grpchealth

import "sync"

// Changes reports changes of readiness and of models to the watches. The zero value is
// ready to use. It is safe for concurrent use.
type Changes struct {
	mu   sync.Mutex
	next chan struct{}
}

// Notify reports a change. It does not block.
func (c *Changes) Notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

// wait returns a channel that the next Notify closes.
func (c *Changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.next
}
