//go:build linux

package shm

// lost handles a segment that its owner left to the garbage collector.
func (p *Pool) lost(id uint32, size int, r *record) {
	p.mu.Lock()
	p.forgetLocked(size)
	if r.lent {
		p.lent -= int64(size)
	}
	drop := r.shared && !p.closed
	p.mu.Unlock()
	if drop {
		p.dropped(id)
	}
}

// MarkShared records that the worker has the segment's file.
func (p *Pool) MarkShared(s *Segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.record.shared = true
}

// Lend counts a segment as lent until Put, or until the garbage collector has freed it. It
// reports false, and does not, if that would be more than limit bytes, or if the segment is
// not on Go's heap.
func (p *Pool) Lend(s *Segment, limit int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.object == nil || p.lent+int64(s.Size()) > limit {
		return false
	}
	p.lent += int64(s.Size())
	s.record.lent = true
	return true
}
