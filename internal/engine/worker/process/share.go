package process

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
)

// Share is what the Go code of a worker may use: GOMAXPROCS, and GOMEMLIMIT in bytes. 0 is Go's
// default.
type Share struct {
	MaxProcs      int
	GoMemoryLimit int64
}

// SetShare changes the worker's share, in the background.
func (p *Process) SetShare(s Share) {
	message := control.Share{MaxProcs: s.MaxProcs, GoMemoryLimit: s.GoMemoryLimit}
	go func() {
		// An error means that the worker has died.
		_, _, _ = p.call(context.Background(), control.Request{Share: &message})
	}()
}
