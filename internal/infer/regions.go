package infer

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// readRegion returns the data of an input that is in shared memory. It is a copy.
func (r *Runner) readRegion(in *Input) ([]byte, error) {
	if r.options.SharedMemory == nil {
		return nil, ErrSharedMemoryOff
	}
	if in.DataType != tensor.Bytes {
		want, err := in.Shape.ByteSize(in.DataType)
		if err != nil {
			return nil, Invalidf("%v", err)
		}
		if uint64(want) != in.Region.Size {
			return nil, Invalidf("shared_memory_byte_size is %d: %v of %v takes %d bytes", in.Region.Size, in.Shape, in.DataType, want)
		}
	}
	return r.options.SharedMemory.Read(in.Region.Region, in.Region.Offset, in.Region.Size)
}

// checkOutputRegions reports, before the model runs, an output whose place is not in a
// region of shared memory.
func (r *Runner) checkOutputRegions(wanted []wantedOutput) error {
	for i := range wanted {
		span := wanted[i].Region
		if span == nil {
			continue
		}
		if r.options.SharedMemory == nil {
			return fmt.Errorf("output %q: %w", wanted[i].Name, ErrSharedMemoryOff)
		}
		if err := r.options.SharedMemory.Check(span.Region, span.Offset, span.Size); err != nil {
			return fmt.Errorf("output %q: %w", wanted[i].Name, err)
		}
	}
	return nil
}

// writeRegion writes an output to its region, which then has the size of the data.
func (r *Runner) writeRegion(out *ResultOutput) error {
	size := uint64(len(out.Data))
	if size > out.Region.Size {
		return Invalidf("its %d bytes do not fit shared_memory_byte_size, which is %d", size, out.Region.Size)
	}
	if err := r.options.SharedMemory.Write(out.Region.Region, out.Region.Offset, out.Data); err != nil {
		return err
	}
	out.Region = &Span{Region: out.Region.Region, Offset: out.Region.Offset, Size: size}
	out.Data = nil
	return nil
}
