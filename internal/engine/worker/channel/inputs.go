//go:build linux

package channel

import (
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/shm"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

var _ bufpool.Allocator = (*Inputs)(nil)

// Inputs is memory that the workers of all channels can read: inputs in it are not copied.
// The garbage collector frees it. It is safe for concurrent use.
type Inputs struct{ segments shm.Inputs }

// NewInputs returns an empty Inputs.
func NewInputs() *Inputs { return &Inputs{} }

// Allocate implements [bufpool.Allocator].
func (in *Inputs) Allocate(size int) []byte { return in.segments.Allocate(size) }

// Allocated implements [bufpool.Allocator].
func (in *Inputs) Allocated(first unsafe.Pointer) bool { return in.segments.Allocated(first) }

// Count returns the number of segments.
func (in *Inputs) Count() int { return in.segments.Count() }

// locate returns where the worker finds the inputs that need no copy. nil: there are none.
func (s *Server) locate(inputs []tensor.Tensor) []location {
	if s.options.Inputs == nil {
		return nil
	}
	var locations []location
	for i := range inputs {
		data := inputs[i].Data
		if len(data) < minSegmentBytes {
			continue
		}
		place, found := s.options.Inputs.segments.Find(data)
		if !found || !s.announce(place) {
			continue
		}
		if locations == nil {
			locations = make([]location, len(inputs))
		}
		locations[i] = location{segment: place.ID, offset: place.Offset}
	}
	return locations
}

// announce makes sure that the worker has a segment of Options.Inputs. It reports false
// where the socket is full or closed: the input is copied then.
func (s *Server) announce(place shm.Place) bool {
	if _, ok := s.announced.Load(place.ID); ok {
		return true
	}
	s.announcing.Lock()
	defer s.announcing.Unlock()
	if _, ok := s.announced.Load(place.ID); ok {
		return true
	}
	n := notice{kind: noticeSegment, number: place.ID, size: uint64(place.Size), access: uint32(shm.ReadOnly)}
	if send(s.socket, n, place.File) != nil {
		return false
	}
	s.announced.Store(place.ID, nil)
	return true
}

// forgetInput makes the worker unmap a segment of Options.Inputs whose memory is gone.
func (s *Server) forgetInput(id uint32) {
	if _, ok := s.announced.LoadAndDelete(id); ok {
		s.drop(id)
	}
}
