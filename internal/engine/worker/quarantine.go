package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

const (
	// A blamed request is refused for minQuarantine after the first death, and twice as long
	// after each further one.
	minQuarantine = 10 * time.Second
	maxQuarantine = 10 * time.Minute
	// maxQuarantined bounds the requests and the peers that are remembered for a model; the
	// one that ends first makes room.
	maxQuarantined = 256
	// A peer is refused from its second blamed request on: inputs can be a mistake, and
	// several clients can share an address.
	peerAllowance = 1
	minPeer       = time.Second
)

// quarantine refuses requests for a model that ended its worker, and peers that send such
// requests repeatedly. It is safe for concurrent use. The zero value is empty.
type quarantine struct {
	// used reports that there are entries. While it is false no digest is computed.
	used atomic.Bool

	mu       sync.Mutex // for all below
	seed     maphash.Seed
	requests map[uint64]refusal
	peers    map[netip.Addr]refusal
}

// refusal is how long a request or a peer is refused.
type refusal struct {
	deaths int
	// cause is how the last one died: engine.ErrCrashed or engine.ErrOutOfMemory.
	cause error
	until time.Time
	// forget is when the deaths no longer count.
	forget time.Time
}

// extend returns the refusal after another death.
func (r refusal) extend(now time.Time, cause error, first time.Duration, allowance int) refusal {
	r.deaths++
	r.cause = engine.ErrCrashed
	if errors.Is(cause, engine.ErrOutOfMemory) {
		r.cause = engine.ErrOutOfMemory
	}
	wait := time.Duration(0)
	if n := r.deaths - allowance; n > 0 {
		wait = min(first<<min(n-1, 20), maxQuarantine)
	}
	r.until = now.Add(wait)
	r.forget = r.until.Add(maxQuarantine)
	return r
}

// add records that a request ended its worker, and how.
func (q *quarantine) add(ctx context.Context, inputs []tensor.Tensor, cause error) {
	key, now := digest(q.seedOf(), inputs), time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.requests[key] = q.requests[key].extend(now, cause, minQuarantine, 0)
	trim(q.requests, now)
	if peer := telemetry.Peer(ctx); peer.IsValid() {
		q.peers[peer] = q.peers[peer].extend(now, cause, minPeer, peerAllowance)
		trim(q.peers, now)
	}
	q.used.Store(true)
}

// seedOf returns the seed of digests.
func (q *quarantine) seedOf() maphash.Seed {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.requests == nil {
		q.seed, q.requests, q.peers = maphash.MakeSeed(), make(map[uint64]refusal), make(map[netip.Addr]refusal)
	}
	return q.seed
}

// check returns the error of a request that is refused.
func (q *quarantine) check(ctx context.Context, inputs []tensor.Tensor) error {
	if !q.used.Load() {
		return nil
	}
	now := time.Now()
	if s := q.peer(telemetry.Peer(ctx), now); now.Before(s.until) {
		return &refusedError{wait: s.until.Sub(now), text: fmt.Sprintf("%d requests of this client ended a worker of the model", s.deaths)}
	}
	key := digest(q.seedOf(), inputs)
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := q.requests[key]; now.Before(s.until) {
		return fmt.Errorf("%w: an equal request ended the worker of the model, so this one was not run; it is run again in %v; send other inputs", s.cause, s.until.Sub(now).Round(time.Second))
	}
	return nil
}

// peer returns the refusal of a peer, after it has forgotten those that have ended.
func (q *quarantine) peer(peer netip.Addr, now time.Time) refusal {
	q.mu.Lock()
	defer q.mu.Unlock()
	trim(q.requests, now)
	trim(q.peers, now)
	q.used.Store(len(q.requests)+len(q.peers) > 0)
	return q.peers[peer]
}

// trim forgets what no longer counts, and makes room for one more.
func trim[K comparable](refusals map[K]refusal, now time.Time) {
	var first K
	var ends time.Time
	for key, s := range refusals {
		if now.After(s.forget) {
			delete(refusals, key)
		} else if ends.IsZero() || s.forget.Before(ends) {
			first, ends = key, s.forget
		}
	}
	if len(refusals) > maxQuarantined {
		delete(refusals, first)
	}
}

// digest returns a hash of inputs: datatypes, shapes and data.
func digest(seed maphash.Seed, inputs []tensor.Tensor) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var number [8]byte
	write := func(n int64) {
		binary.LittleEndian.PutUint64(number[:], uint64(n))
		_, _ = h.Write(number[:]) // a maphash never fails
	}
	for i := range inputs {
		write(int64(inputs[i].DataType))
		write(int64(len(inputs[i].Shape)))
		for _, d := range inputs[i].Shape {
			write(d)
		}
		write(int64(len(inputs[i].Data)))
		_, _ = h.Write(inputs[i].Data)
	}
	return h.Sum64()
}

// refusedError refuses a request of a peer for a while.
type refusedError struct {
	wait time.Duration
	text string
}

func (e *refusedError) Error() string { return e.text }

// RetryAfter returns the time after which the peer may try again.
func (e *refusedError) RetryAfter() time.Duration { return e.wait }
