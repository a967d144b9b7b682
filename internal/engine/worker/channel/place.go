package channel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// minSegmentBytes is the size in bytes from which a tensor is in a segment of its own
// memory instead of in the message.
const minSegmentBytes = 16 << 10

// alignment is that of a tensor's data, in bytes.
const alignment = 64

// errTensors reports tensors whose descriptors do not fit into a message.
var errTensors = errors.New("too many tensors")

// placement decides where the data of a message's tensors is: small tensors follow the
// descriptors as long as there is room, the others are in a segment.
type placement struct {
	inline  int // next free offset in the message
	segment int // next free offset in the segment
	area    int // maximum size of the message
}

// newPlacement returns the placement for tensors in a message with that header and at
// most area bytes. Tensors whose descriptors do not fit are an errTensors.
func newPlacement(header int, tensors []tensor.Tensor, area int) (placement, error) {
	size := header + 4
	for i := range tensors {
		if len(tensors[i].Shape) > math.MaxUint8 {
			return placement{}, fmt.Errorf("tensor %d has rank %d, the limit is %d", i, len(tensors[i].Shape), math.MaxUint8)
		}
		size += descriptorSize + 8*len(tensors[i].Shape)
	}
	if size > area {
		return placement{}, fmt.Errorf("%w: %d of them take %d bytes for their shapes, the limit is %d", errTensors, len(tensors), size, area)
	}
	return placement{inline: align(size), area: area}, nil
}

// next returns the place of a tensor with that length.
func (p *placement) next(length int) (inline bool, offset int) {
	if length < minSegmentBytes && p.inline+length <= p.area {
		offset = p.inline
		p.inline = align(offset + length)
		return true, offset
	}
	offset = p.segment
	p.segment = align(offset + length)
	return false, offset
}

// location is where the data of a tensor is already.
type location struct {
	segment uint32 // 0: nowhere
	offset  int
}

// segmentBytes returns the bytes of a segment that the tensors need, 0 for none. located
// has the locations of tensors; nil: none has one.
func (p *placement) segmentBytes(tensors []tensor.Tensor, located []location) int {
	next := *p
	for i := range tensors {
		if located == nil || located[i].segment == 0 {
			next.next(len(tensors[i].Data))
		}
	}
	return next.segment
}

// put is called once. It appends the descriptors of tensors to a message, and copies the
// data of those that are not located: into the message's area or into the segment id with
// that memory. It returns the message's length.
func (p *placement) put(message []byte, tensors []tensor.Tensor, located []location, id uint32, segment []byte) (length int) {
	area := message[:p.area]
	length = p.inline
	message = binary.LittleEndian.AppendUint32(message, uint32(len(tensors)))
	for i := range tensors {
		t := &tensors[i]
		d := descriptor{dataType: t.DataType, shape: t.Shape, length: uint64(len(t.Data))}
		if located != nil && located[i].segment != 0 {
			d.segment, d.offset = located[i].segment, uint64(located[i].offset)
			message = d.append(message)
			continue
		}
		inline, offset := p.next(len(t.Data))
		d.offset = uint64(offset)
		if inline {
			copy(area[offset:], t.Data)
			length = max(length, offset+len(t.Data))
		} else {
			d.segment = id
			copy(segment[offset:], t.Data)
		}
		message = d.append(message)
	}
	return min(length, p.area)
}

// align rounds n up to a multiple of alignment.
func align(n int) int { return (n + alignment - 1) &^ (alignment - 1) }
