//go:build linux

package shm

import (
	"cmp"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// maxInputs bounds the segments of Inputs: each has an open file, for workers to come.
const maxInputs = 256

// firstInput is the ID of the first segment of Inputs. Those of Pools are smaller.
const firstInput = 1 << 31

// Inputs are segments that all workers can read. Go's garbage collector owns them. It is
// safe for concurrent use. The zero value is empty.
type Inputs struct {
	// places has the segments in the order of their addresses. It is replaced as a whole.
	places atomic.Pointer[[]Place]

	mu       sync.Mutex // guards what follows, and changes of places
	count    int        // of places, and of segments that are being created
	created  uint32
	watchers map[*watcher]struct{}
}

// watcher is called with the ID of each segment that is gone.
type watcher struct{ gone func(id uint32) }

// Place is the place of a part of a segment of Inputs, or of a segment.
type Place struct {
	ID     uint32
	File   *os.File // open while the segment's memory is in use
	Size   int      // of the segment, in bytes
	Offset int      // in the segment, in bytes

	first uintptr
}

// Allocate returns the memory of a new segment of size bytes, aligned to a page. nil: there
// are too many segments, or the system has no memory for them. The memory is valid as long
// as it is referred to. A worker may read it while a run uses it, and later.
func (in *Inputs) Allocate(size int) []byte {
	in.mu.Lock()
	if in.count == maxInputs || in.created == firstInput {
		in.mu.Unlock()
		return nil
	}
	id := firstInput + in.created
	in.created++
	in.count++
	in.mu.Unlock()
	s, err := createOnHeap(size, ReadOnly, func() { in.lost(id) })
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil {
		in.count--
		return nil // the caller has other memory
	}
	in.changeLocked(func(places []Place) []Place {
		place := Place{ID: id, File: s.file, Size: s.Size(), first: uintptr(unsafe.Pointer(unsafe.SliceData(s.data)))}
		at, _ := slices.BinarySearchFunc(places, place.first, compare)
		return slices.Insert(places, at, place)
	})
	return s.data[:size:size]
}

// lost removes a segment whose memory was garbage.
func (in *Inputs) lost(id uint32) {
	in.mu.Lock()
	in.count--
	in.changeLocked(func(places []Place) []Place {
		at := slices.IndexFunc(places, func(p Place) bool { return p.ID == id })
		_ = places[at].File.Close() // it was never written
		return slices.Delete(places, at, at+1)
	})
	watchers := make([]*watcher, 0, len(in.watchers))
	for w := range in.watchers {
		watchers = append(watchers, w)
	}
	in.mu.Unlock()
	for _, w := range watchers {
		w.gone(id)
	}
}

// changeLocked replaces places by a changed copy.
func (in *Inputs) changeLocked(change func([]Place) []Place) {
	places := change(slices.Clone(in.snapshot()))
	in.places.Store(&places)
}

func (in *Inputs) snapshot() []Place {
	if places := in.places.Load(); places != nil {
		return *places
	}
	return nil
}

// Allocated reports whether first is the first byte of a segment.
func (in *Inputs) Allocated(first unsafe.Pointer) bool {
	_, found := slices.BinarySearchFunc(in.snapshot(), uintptr(first), compare)
	return found
}

// Find returns the place of data, which is not empty. It reports false where data is not
// in a segment. The place is valid as long as data is referred to.
func (in *Inputs) Find(data []byte) (Place, bool) {
	first, places := uintptr(unsafe.Pointer(unsafe.SliceData(data))), in.snapshot()
	at, found := slices.BinarySearchFunc(places, first, compare)
	if !found {
		if at--; at < 0 {
			return Place{}, false
		}
	}
	place := places[at]
	place.Offset = int(first - place.first)
	return place, place.Offset < place.Size
}

// Watch calls gone with the ID of each segment whose memory is gone, from one goroutine,
// until stop is called. gone must not block.
func (in *Inputs) Watch(gone func(id uint32)) (stop func()) {
	w := &watcher{gone}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.watchers == nil {
		in.watchers = map[*watcher]struct{}{}
	}
	in.watchers[w] = struct{}{}
	return func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		delete(in.watchers, w)
	}
}

// Count returns the number of segments.
func (in *Inputs) Count() int { return len(in.snapshot()) }

func compare(p Place, address uintptr) int { return cmp.Compare(p.first, address) }
