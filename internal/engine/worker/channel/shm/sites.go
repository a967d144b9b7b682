//go:build linux

package shm

import (
	"errors"
	"sync"
)

// maxSites bounds the places in Go's heap that were ever mapped over. Each adds up to two
// mappings for good: a quarter of the process's mappings at most.
const maxSites = 8192

// errSites reports that a segment would be at another place, beyond maxSites.
var errSites = errors.New("shared memory was mapped at too many places of the heap")

// site is a place in Go's heap: its address and its size in bytes.
type site struct {
	first uintptr
	size  int
}

// siteSet has the places that were mapped over. It is the process's, as the heap is.
type siteSet struct {
	mu    sync.Mutex
	limit int
	used  map[site]struct{}
}

var sites = &siteSet{limit: maxSites, used: make(map[site]struct{})}

// add reports whether there may be a mapping at a place: it was used before, or is one of
// the first.
func (s *siteSet) add(at site) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.used[at]; !known && len(s.used) >= s.limit {
		return false
	}
	s.used[at] = struct{}{}
	return true
}
