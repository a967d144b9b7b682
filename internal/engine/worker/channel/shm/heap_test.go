//go:build linux

package shm_test

import (
	"bytes"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/shm"
)

// collectUntil collects garbage until a state is reached.
func collectUntil(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !reached(); time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// mappings returns how many segments the process has mapped.
func mappings(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte("memfd:tensorwire"))
}

// A slice of a segment keeps its memory. When nothing has it any more, the pool and the
// worker are informed.
func TestGarbageCollectorFreesSegments(t *testing.T) {
	before := mappings(t)
	var dropped atomic.Uint32
	p := shm.NewPool(0, time.Hour, dropped.Store)
	defer p.Close()
	s := get(t, p, 300_000, shm.Writable)
	p.MarkShared(s)
	if !p.Lend(s, 1<<20) || p.Lend(get(t, p, 800_000, shm.Writable), 1<<20) {
		t.Error("Lend does not observe its limit")
	}
	id, part := s.ID, s.Bytes()[100_000:100_010]
	copy(part, "0123456789")
	collectUntil(t, "the other segment", func() bool { n, _ := p.Usage(); return n == 1 })
	if string(part) != "0123456789" || dropped.Load() != 0 || mappings(t) != before+1 {
		t.Errorf("a segment in use was freed: %q", part)
	}
	runtime.KeepAlive(part) // not after this
	collectUntil(t, "the segment", func() bool { n, size := p.Usage(); return n == 0 && size == 0 })
	if dropped.Load() != id || mappings(t) != before {
		t.Errorf("segment %d was dropped, want %d; %d mappings, want %d", dropped.Load(), id, mappings(t), before)
	}
	if s = get(t, p, 1<<20, shm.Writable); !p.Lend(s, 1<<20) {
		t.Error("the memory still counts as lent")
	}
	p.Put(s)
}

// Memory that Go reuses after a segment is private: what is written to the file is not in it.
func TestReusedMemoryIsPrivate(t *testing.T) {
	p := shm.NewPool(0, time.Hour, func(uint32) {})
	var workers []*shm.Segment
	for i := range 40 {
		s := get(t, p, 100_000+10_000*(i%5), shm.Writable)
		worker, err := shm.Open(duplicate(t, s), s.ID, s.Size(), shm.Writable)
		if err != nil {
			t.Fatal(err)
		}
		workers = append(workers, worker)
		if i%2 == 0 {
			p.Put(s)
		} // else it is left to the garbage collector
		if i%8 == 0 {
			p.Close() // from here on Put frees
		}
	}
	collectUntil(t, "all segments", func() bool { n, _ := p.Usage(); return n == 0 })
	var blocks [][]byte
	for i := range 200 {
		block := make([]byte, 64_000+1000*(i%90))
		if bytes.Count(block, []byte{0}) != len(block) {
			t.Fatal("new memory is not zero")
		}
		blocks = append(blocks, block)
	}
	for _, worker := range workers {
		for i := range worker.Bytes() {
			worker.Bytes()[i] = 0xee
		}
	}
	for _, block := range blocks {
		if bytes.Count(block, []byte{0}) != len(block) {
			t.Fatal("a worker wrote to memory of another object")
		}
	}
	for _, worker := range workers {
		unmap(t, worker)
	}
}
