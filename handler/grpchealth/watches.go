package grpchealth

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
)

// retryWait is when a client whose watch was refused is asked to retry.
const retryWait = 10 * time.Second

// watches bounds the watches at once, in total and for each peer. It is safe for concurrent
// use.
type watches struct {
	limit   int
	perPeer int // negative: no bound

	mu    sync.Mutex // for all below
	total int
	peers map[netip.Addr]int // without those that have none
}

// begin counts a watch of a peer until end, or returns an overload error.
func (w *watches) begin(peer netip.Addr) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.total >= w.limit:
		return overload.Unavailable(retryWait, fmt.Sprintf("the server has its maximum of %d watches: use Check, or retry later", w.limit))
	case w.perPeer >= 0 && peer.IsValid() && w.peers[peer] >= w.perPeer:
		return overload.Unavailable(retryWait, fmt.Sprintf("this client has its maximum of %d watches: use Check, or end others", w.perPeer))
	}
	if w.peers == nil {
		w.peers = make(map[netip.Addr]int)
	}
	w.total++
	w.peers[peer]++
	return nil
}

// end ends a watch that begin counted.
func (w *watches) end(peer netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total--
	if w.peers[peer]--; w.peers[peer] == 0 {
		delete(w.peers, peer)
	}
}
