package channel

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// source is the memory of a message's tensors: the message, and the segment that they may
// be in.
type source struct {
	message []byte
	id      uint32 // of the segment, 0 for none
	segment []byte
}

// data returns the memory of a descriptor's tensor.
func (s *source) data(d *descriptor) ([]byte, error) {
	memory := s.message
	if d.segment != 0 {
		if d.segment != s.id {
			return nil, fmt.Errorf("segment %d is not part of the run", d.segment)
		}
		memory = s.segment
	}
	if size := uint64(len(memory)); d.offset > size || d.length > size-d.offset {
		return nil, fmt.Errorf("%d bytes at offset %d exceed the %d bytes of segment %d", d.length, d.offset, size, d.segment)
	}
	end := d.offset + d.length
	return memory[d.offset:end:end], nil
}

// check reports whether the tensors are what an honest worker writes, except for the
// elements of BYTES. None of the memory in the segment is read.
func (s *source) check(tensors []descriptor) error {
	room := uint64(len(s.message) + len(s.segment))
	for i := range tensors {
		d := &tensors[i]
		if _, err := s.data(d); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		// Tensors that overlap could make the copies larger than the memory.
		if d.length > room {
			return fmt.Errorf("output %d: the outputs are larger than their memory", i)
		}
		room -= d.length
		switch d.dataType {
		case tensor.Bytes:
		case tensor.Invalid:
			if d.length != 0 || len(d.shape) != 0 {
				return fmt.Errorf("output %d: %d bytes and rank %d without a datatype", i, d.length, len(d.shape))
			}
		default:
			if size, err := d.shape.ByteSize(d.dataType); err != nil {
				return fmt.Errorf("output %d: %w", i, err)
			} else if uint64(size) != d.length {
				return fmt.Errorf("output %d: %v of %v has %d bytes, found %d", i, d.shape, d.dataType, size, d.length)
			}
		}
	}
	return nil
}

// used returns how many bytes of the segment tensors that check accepted use.
func (s *source) used(tensors []descriptor) int64 {
	var end uint64
	for i := range tensors {
		if d := &tensors[i]; d.segment != 0 {
			end = max(end, d.offset+d.length)
		}
	}
	return int64(end)
}

// copies is a run's outputs with the pooled buffers that they are in.
type copies struct {
	outputs []tensor.Tensor
	buffers [][]byte
	lent    bool // some outputs are in the segment
}

// copyOutputs returns tensors that check accepted. Small outputs alias the message, which
// is the server's own copy. Those in the segment are copied to pooled buffers; with lend
// they stay where they are, except for BYTES, whose prefixes the worker could change after
// they were checked.
func (s *source) copyOutputs(tensors []descriptor, lend bool) (copies, error) {
	c := copies{outputs: make([]tensor.Tensor, len(tensors))}
	for i := range tensors {
		d := &tensors[i]
		if d.dataType == tensor.Invalid {
			continue
		}
		data, err := s.data(d)
		if err != nil {
			return c, err
		}
		switch {
		case d.segment == 0 || len(data) == 0:
		case lend && d.dataType != tensor.Bytes:
			c.lent = true
		default:
			buffer := bufpool.Get(len(data))
			copy(buffer, data)
			data = buffer
			c.buffers = append(c.buffers, buffer)
		}
		c.outputs[i] = tensor.Tensor{DataType: d.dataType, Shape: d.shape, Data: data}
		if d.dataType == tensor.Bytes {
			if err := c.outputs[i].Validate(); err != nil {
				c.free()
				return c, fmt.Errorf("output %d: %w", i, err)
			}
		}
	}
	return c, nil
}

// free returns the buffers to their pool.
func (c *copies) free() {
	for _, b := range c.buffers {
		bufpool.Put(b)
	}
}
