package worker

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// loadElsewhere loads a model that the processes of a pool may not read, but the server may.
// The directory at Options.Root is then another than the one in the sandbox of the pool, such
// as after it was mounted again or replaced by a rename. A new pool can read it, if that is
// the cause; then other models do not join the old one either.
func (s *session) loadElsewhere(ctx context.Context, pool *host) error {
	pool.setOutdated(true)
	err := s.load(ctx, false)
	if errors.Is(err, fs.ErrPermission) {
		pool.setOutdated(false)
	}
	return err
}

func (h *host) setOutdated(outdated bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outdated = outdated
}

// mayRead reports whether the server itself may read a file.
func mayRead(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO does not block
	if err != nil {
		return false
	}
	return f.Close() == nil
}
