//go:build linux

package shm

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// ErrFull reports that a segment would exceed the pool's limit.
var ErrFull = errors.New("shared memory is full")

// minSize is the size of the smallest segment in bytes.
const minSize = 64 << 10

// Pool has the segments of one channel. A segment that was idle for a while is freed, so
// that the memory of an unusually large run falls back. It is safe for concurrent use.
type Pool struct {
	limit    int64 // of bytes, 0 for none
	idleTime time.Duration
	// dropped is called with the ID of a segment that is about to be unmapped, so that the
	// worker unmaps it too.
	dropped func(id uint32)

	mu     sync.Mutex // guards what follows
	idle   []idleSegment
	bytes  int64 // of all segments, idle or not
	lent   int64 // bytes of the segments of Lend
	count  int
	lastID uint32
	timer  *time.Timer // of the next trim, nil without one
	closed bool
}

// record is what is known of a segment of a pool when its memory is gone. It is changed by
// the segment's owner under the pool's lock, and read by its owner or under the lock.
type record struct {
	shared, lent bool
}

// idleSegment is a segment without an owner, the one used last at the end of Pool.idle.
type idleSegment struct {
	*Segment
	since time.Time
}

// NewPool returns an empty pool. limit bounds the bytes of its segments, 0 for no bound.
// A segment is freed after it was idle for idleTime. dropped is called before that with
// each segment that the worker has, from any goroutine. Where the garbage collector has
// freed a segment, it is called after that.
func NewPool(limit int64, idleTime time.Duration, dropped func(id uint32)) *Pool {
	return &Pool{limit: limit, idleTime: idleTime, dropped: dropped}
}

// Get returns a segment of at least size bytes, whose content is arbitrary. The caller
// owns it until Put. One that was lent may be left to the garbage collector. More than the
// pool's limit is an ErrFull.
func (p *Pool) Get(size int, access Access) (*Segment, error) {
	size = sizeClass(size)
	p.mu.Lock()
	if s := p.takeLocked(size, access); s != nil {
		p.mu.Unlock()
		return s, nil
	}
	drop := p.makeRoomLocked(int64(size))
	if p.limit > 0 && p.bytes+int64(size) > p.limit {
		inUse := p.bytes
		p.mu.Unlock()
		p.drop(drop)
		return nil, fmt.Errorf("%w: %d bytes are needed and %d in use, of at most %d", ErrFull, size, inUse, p.limit)
	}
	p.bytes += int64(size)
	p.count++
	p.lastID++
	if p.lastID == 0 { // 0 means no segment
		p.lastID++
	}
	id := p.lastID
	p.mu.Unlock()
	p.drop(drop)
	r := &record{}
	s, err := createOnHeap(size, access, func() { p.lost(id, size, r) })
	if errors.Is(err, errSites) {
		s, err = Create(size, access)
	}
	if err != nil {
		p.mu.Lock()
		p.forgetLocked(size)
		p.mu.Unlock()
		return nil, err
	}
	s.ID, s.record = id, r
	return s, nil
}

// forgetLocked removes a segment of size bytes from the counts.
func (p *Pool) forgetLocked(size int) {
	p.bytes -= int64(size)
	p.count--
}

// takeLocked returns the idle segment used last that fits: not more than four times too
// large, so that small runs do not keep the memory of a large one.
func (p *Pool) takeLocked(size int, access Access) *Segment {
	for i, s := range slices.Backward(p.idle) {
		if s.Access == access && s.Size() >= size && s.Size() <= 4*size {
			p.idle = slices.Delete(p.idle, i, i+1)
			return s.Segment
		}
	}
	return nil
}

// makeRoomLocked removes idle segments, the oldest first, until size bytes fit, and
// returns them for drop.
func (p *Pool) makeRoomLocked(size int64) (removed []idleSegment) {
	if p.limit == 0 {
		return nil
	}
	for len(p.idle) > 0 && p.bytes+size > p.limit {
		removed = append(removed, p.idle[0])
		p.forgetLocked(p.idle[0].Size())
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	return removed
}

// Put returns a segment that neither side uses any more. Its content is overwritten while
// bufpool.Poison is on.
func (p *Pool) Put(s *Segment) {
	bufpool.Overwrite(s.Bytes())
	p.mu.Lock()
	if s.record.lent {
		s.record.lent = false
		p.lent -= int64(s.Size())
	}
	if p.closed {
		p.forgetLocked(s.Size())
		p.mu.Unlock()
		_ = s.Unmap() // else the garbage collector does it
		return
	}
	p.idle = append(p.idle, idleSegment{s, time.Now()})
	if p.timer == nil {
		p.timer = time.AfterFunc(p.idleTime, p.trim)
	}
	p.mu.Unlock()
}

// trim frees segments that were idle for idleTime, and sets the timer for the others.
func (p *Pool) trim() {
	p.mu.Lock()
	now, n := time.Now(), 0
	for n < len(p.idle) && now.Sub(p.idle[n].since) >= p.idleTime {
		p.forgetLocked(p.idle[n].Size())
		n++
	}
	old := slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	p.timer = nil
	if len(p.idle) > 0 && !p.closed {
		p.timer = time.AfterFunc(p.idle[0].since.Add(p.idleTime).Sub(now), p.trim)
	}
	p.mu.Unlock()
	p.drop(old)
}

// drop frees segments that were removed from the pool.
func (p *Pool) drop(segments []idleSegment) {
	for _, s := range segments {
		if s.record.shared {
			p.dropped(s.ID)
		}
		_ = s.Unmap() // else the garbage collector does it
	}
}

// Close frees the idle segments; those with an owner are freed by Put, or by the garbage
// collector. The worker is not informed: it has ended.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	for _, s := range idle {
		p.forgetLocked(s.Size())
	}
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.mu.Unlock()
	for _, s := range idle {
		_ = s.Unmap() // else the garbage collector does it
	}
}

// Usage returns the number of segments and their size in bytes.
func (p *Pool) Usage() (segments int, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count, p.bytes
}

// sizeClass rounds a size up to a power of two, or to one of three sizes between two of
// them, so that runs of similar sizes use the same segments.
func sizeClass(size int) int {
	if size <= minSize {
		return minSize
	}
	step := 1 << (bits.Len(uint(size-1)) - 3)
	return roundUp(size, step)
}
