package bufpool_test

import (
	"sync"
	"testing"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// fakeAllocator counts what it allocates.
type fakeAllocator struct {
	mu    sync.Mutex
	first map[unsafe.Pointer]bool
	full  bool
}

func (a *fakeAllocator) Allocate(size int) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.full {
		return nil
	}
	b := make([]byte, size)
	a.first[unsafe.Pointer(unsafe.SliceData(b))] = true
	return b
}

func (a *fakeAllocator) Allocated(first unsafe.Pointer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.first[first]
}

// owns reports whether a buffer, which may begin a few bytes later, is of the allocator.
func (a *fakeAllocator) owns(b []byte) bool {
	first := unsafe.Pointer(unsafe.SliceData(b))
	return a.Allocated(unsafe.Add(first, -int(uintptr(first)%bufpool.Alignment)))
}

// Messages are in shared memory where there is some; other buffers never are, also when
// those of messages were returned.
func TestMessagesAreShared(t *testing.T) {
	if b := bufpool.GetMessage(100_000); len(b) != 100_000 || cap(b) != bufpool.Size(100_000) {
		t.Errorf("without an allocator: length %d, capacity %d", len(b), cap(b))
	}
	a := &fakeAllocator{first: map[unsafe.Pointer]bool{}}
	bufpool.ShareMessages(a)
	for _, n := range []int{1, 1000, 16<<10 - 1, 16 << 10, 20_001, 602_112, 20_000_000, 200 << 20} {
		for _, lead := range []int{0, 1, bufpool.Alignment - 1} {
			b := bufpool.GetMessage(n)
			if len(b) != n || cap(b) != bufpool.Size(n) || a.owns(b) != (n >= 16<<10) {
				t.Errorf("%d bytes: length %d, capacity %d, shared %v", n, len(b), cap(b), a.owns(b))
			}
			bufpool.Put(b[min(lead, n):])
			if other := bufpool.Get(n); a.owns(other) {
				t.Errorf("%d bytes: another buffer is shared", n)
			}
		}
	}
	a.full = true
	var kept [][]byte
	for range 100 { // at the latest when the pool is empty
		kept = append(kept, bufpool.GetMessage(50_000))
	}
	if a.owns(kept[99]) {
		t.Error("the allocator has more memory than it allocated")
	}
	for _, b := range kept {
		bufpool.Put(b)
	}
}
