package handler

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// errSharedMemoryOff says that the operator has not allowed shared memory.
var errSharedMemoryOff = fmt.Errorf("%w: shared memory is off; start the server with --allow-shared-memory to have it", errNotSupported)

// readRegion returns the data of an input that is in shared memory. It is a copy.
func (s *Inference) readRegion(in *inferInput) ([]byte, error) {
	if s.options.SharedMemory == nil {
		return nil, errSharedMemoryOff
	}
	if in.DataType != tensor.Bytes {
		want, err := in.Shape.ByteSize(in.DataType)
		if err != nil {
			return nil, invalidf("%v", err)
		}
		if uint64(want) != in.region.size {
			return nil, invalidf("shared_memory_byte_size is %d: %v of %v takes %d bytes", in.region.size, in.Shape, in.DataType, want)
		}
	}
	return s.options.SharedMemory.Read(in.region.region, in.region.offset, in.region.size)
}

// checkOutputRegions reports, before the model runs, outputs whose place in shared
// memory is none.
func (s *Inference) checkOutputRegions(wanted []wantedOutput) error {
	for i := range wanted {
		span := wanted[i].region
		if span == nil {
			continue
		}
		if s.options.SharedMemory == nil {
			return fmt.Errorf("output %q: %w", wanted[i].name, errSharedMemoryOff)
		}
		if err := s.options.SharedMemory.Check(span.region, span.offset, span.size); err != nil {
			return fmt.Errorf("output %q: %w", wanted[i].name, err)
		}
	}
	return nil
}

// writeRegion writes an output to where it is wanted, and leaves its region with as
// many bytes as it took.
func (s *Inference) writeRegion(out *inferredOutput) error {
	size := uint64(len(out.Data))
	if size > out.region.size {
		return invalidf("its %d bytes do not fit shared_memory_byte_size, which is %d", size, out.region.size)
	}
	if err := s.options.SharedMemory.Write(out.region.region, out.region.offset, out.Data); err != nil {
		return err
	}
	out.region = &regionSpan{region: out.region.region, offset: out.region.offset, size: size}
	out.Data = nil
	return nil
}
