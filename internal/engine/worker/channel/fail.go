//go:build linux

package channel

import (
	"fmt"
)

// Fail ends all waiting and later calls of Run with err, and frees the channel's memory.
// It is called when the worker's process has ended; while the process lives, Fail makes
// Worker.Serve return. Later calls do nothing. Lent outputs stay valid until their
// Result.Release.
func (s *Server) Fail(err error) {
	s.failOnce.Do(func() {
		s.err = err
		close(s.failed)
		s.unwatch()
		for i := range s.slots {
			s.slots[i].wake()
		}
		_ = s.socket.Close() // unsent notices have no reader any more
		for range s.slots {
			s.tokens <- struct{}{} // every call has left
		}
		s.segments.Close()
		for i := range s.slots {
			_ = closeFile(s.slots[i].pipe.Load())
		}
		for _, f := range s.files {
			_ = f.Close() // the caller may have closed it
		}
		_ = s.control.Unmap()
	})
}

func (s *Server) hasFailed() bool {
	select {
	case <-s.failed:
		return true
	default:
		return false
	}
}

// broken reports that the worker broke the protocol. The caller then waits for failed.
func (s *Server) broken(cause error) {
	s.breakOnce.Do(func() {
		err := fmt.Errorf("%w: %w", ErrProtocol, cause)
		if s.options.Broken != nil {
			go s.options.Broken(err)
		} else {
			go s.Fail(err)
		}
	})
}
