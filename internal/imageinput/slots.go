package imageinput

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Work is an image that waits to be decoded.
type Work struct {
	// Pixels is its number of pixels.
	Pixels int64
	// Peer is the client that sent it. Images of unknown clients share one turn.
	Peer netip.Addr
}

// assumedRate is how many pixels a slot decodes per second, for the order of images: most
// formats are faster. A large image is so overtaken by smaller ones for a bounded time.
const assumedRate = 10_000_000

// Slots bounds how many images are decoded at once. A small file can hold many pixels, so the
// bytes of a request do not bound the time and memory of its decoding.
//
// Free slots go to peers in turn, by the pixels that they had decoded; a peer's smaller
// images are decoded before its larger ones. Slots is safe for concurrent use.
type Slots struct {
	mu      sync.Mutex // for all below
	free    int
	waiting []*waiting
	peers   map[netip.Addr]*peer
}

// waiting is an image in the queue.
type waiting struct {
	work Work
	// order is when it would be decoded in a slot that had nothing else to do.
	order   time.Time
	granted chan struct{} // closed when it has a slot
}

// peer is a client with images in the queue or in slots.
type peer struct {
	// decoded is the number of pixels of the images that had a slot. A new peer begins with
	// the smallest number of the present ones: it has the next turn, and no more.
	decoded int64
	images  int
}

// NewSlots returns as many slots as n.
func NewSlots(n int) *Slots { return &Slots{free: n, peers: make(map[netip.Addr]*peer)} }

// Acquire waits for a slot. The caller returns it with release, once. It returns the error of
// ctx when that ends first.
func (s *Slots) Acquire(ctx context.Context, work Work) (release func(), err error) {
	w := s.enqueue(work)
	select {
	case <-w.granted:
	case <-ctx.Done():
		if !s.leave(w) {
			s.release(work) // it got a slot at the same moment
		}
		return nil, ctx.Err()
	}
	return func() { s.release(work) }, nil
}

func (s *Slots) enqueue(work Work) *waiting {
	now := time.Now()
	w := &waiting{work: work, granted: make(chan struct{})}
	w.order = now.Add(time.Duration(float64(work.Pixels) / assumedRate * float64(time.Second)))
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[work.Peer]
	if p == nil {
		p = &peer{decoded: s.minDecodedLocked()}
		s.peers[work.Peer] = p
	}
	p.images++
	s.waiting = append(s.waiting, w)
	s.grantLocked()
	return w
}

func (s *Slots) minDecodedLocked() int64 {
	least, first := int64(0), true
	for _, p := range s.peers {
		if first || p.decoded < least {
			least, first = p.decoded, false
		}
	}
	return least
}

// grantLocked gives free slots to waiting images.
func (s *Slots) grantLocked() {
	for s.free > 0 && len(s.waiting) > 0 {
		next := 0
		for i, w := range s.waiting {
			if s.beforeLocked(w, s.waiting[next]) {
				next = i
			}
		}
		w := s.waiting[next]
		s.waiting = slices.Delete(s.waiting, next, next+1)
		s.free--
		s.peers[w.work.Peer].decoded += w.work.Pixels
		close(w.granted)
	}
}

// beforeLocked reports whether a gets a slot before b.
func (s *Slots) beforeLocked(a, b *waiting) bool {
	if a.work.Peer != b.work.Peer {
		if had, has := s.peers[a.work.Peer].decoded, s.peers[b.work.Peer].decoded; had != has {
			return had < has
		}
	}
	return a.order.Before(b.order)
}

// leave removes an image whose request has ended. It reports false if the image has a slot.
func (s *Slots) leave(w *waiting) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.waiting, w)
	if at < 0 {
		return false
	}
	s.waiting = slices.Delete(s.waiting, at, at+1)
	s.doneLocked(w.work.Peer)
	return true
}

func (s *Slots) release(work Work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.doneLocked(work.Peer)
	s.grantLocked()
}

// doneLocked ends an image of a peer, which is forgotten with its last one.
func (s *Slots) doneLocked(address netip.Addr) {
	p := s.peers[address]
	if p.images--; p.images == 0 {
		delete(s.peers, address)
	}
}
