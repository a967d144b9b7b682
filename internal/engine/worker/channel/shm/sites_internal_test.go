//go:build linux

package shm

import (
	"errors"
	"testing"
	"time"
)

// At most so many places of the heap are mapped over, because each stays a mapping of its
// own: without a bound, a server would reach the kernel's for all of the process.
func TestPlacesOnTheHeapAreBounded(t *testing.T) {
	defer func(before *siteSet) { sites = before }(sites)
	sites = &siteSet{limit: 2, used: map[site]struct{}{}}
	var all []*Segment
	create := func() error {
		s, err := createOnHeap(40_000, ReadOnly, func() {})
		if err == nil {
			all = append(all, s)
		}
		return err
	}
	for range 2 {
		if err := create(); err != nil {
			t.Fatal(err)
		}
	}
	if err := create(); !errors.Is(err, errSites) {
		t.Errorf("a third place: %v", err)
	}
	pool := NewPool(0, time.Hour, func(uint32) {})
	s, err := pool.Get(40_000, ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	if s.object != nil || pool.Lend(s, 1<<30) {
		t.Error("a segment beyond the bound is on the heap, or is lent")
	}
	s.Bytes()[39_999] = 1
	pool.Put(s)
	pool.Close()
	for _, s := range all {
		if err := s.Unmap(); err != nil {
			t.Error(err)
		}
	}
}
