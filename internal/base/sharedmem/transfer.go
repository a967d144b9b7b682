package sharedmem

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// MaxRead bounds one Read: 1 GiB, the engine's limit for one output. A sparse object
// can be larger than the machine's memory.
const MaxRead = 1 << 30

// Read returns a copy of size bytes at offset in a region. The error is an ErrNotFound
// or an ErrRegion.
func (r *Regions) Read(name string, offset, size uint64) ([]byte, error) {
	o, err := r.part(name, offset, size)
	if err != nil {
		return nil, err
	}
	if size > MaxRead {
		return nil, fmt.Errorf("%w: %q: byte_size %d exceeds the limit of %d bytes for one tensor", ErrRegion, name, size, MaxRead)
	}
	data := make([]byte, size)
	if _, err := o.file.ReadAt(data, int64(o.Offset+offset)); err != nil {
		return nil, o.failed("read", err)
	}
	return data, nil
}

// Write writes data at offset in a region. The error is an ErrNotFound or an ErrRegion.
func (r *Regions) Write(name string, offset uint64, data []byte) error {
	o, err := r.part(name, offset, uint64(len(data)))
	if err != nil {
		return err
	}
	// If the file is truncated after the check, the write extends it again, which
	// affects only its owner.
	if _, err := o.file.WriteAt(data, int64(o.Offset+offset)); err != nil {
		return o.failed("written", err)
	}
	return nil
}

// Check reports whether size bytes at offset are inside a region, with the errors of
// Read.
func (r *Regions) Check(name string, offset, size uint64) error {
	_, err := r.part(name, offset, size)
	return err
}

// part returns the region with that name. It checks that size bytes at offset are
// inside the region, and the region inside its file at its current size.
func (r *Regions) part(name string, offset, size uint64) (*openRegion, error) {
	o, err := r.find(name)
	if err != nil {
		return nil, err
	}
	if offset > o.Size || size > o.Size-offset {
		return nil, fmt.Errorf("%w: %q has %d bytes: offset %d plus byte_size %d exceeds them", ErrRegion, name, o.Size, offset, size)
	}
	return o, o.check()
}

// failed returns the error of a failed read or write.
func (o *openRegion) failed(done string, err error) error {
	switch {
	case errors.Is(err, os.ErrClosed):
		return fmt.Errorf("%w: %q was unregistered during the request", ErrNotFound, o.Name)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %q: key %q was truncated during the request", ErrRegion, o.Name, o.Key)
	}
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		err = pathError.Err // without the path
	}
	return fmt.Errorf("%w: %q could not be %s: %w", ErrRegion, o.Name, done, err)
}
