package sharedmem

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// MaxRead bounds what one Read copies: 1 GiB, as much as an engine gives to one
// output. An object can be larger than the machine's memory, for what is not written
// takes none.
const MaxRead = 1 << 30

// Read returns a copy of size bytes from offset in a region. The errors are an
// ErrNotFound or an ErrRegion.
func (r *Regions) Read(name string, offset, size uint64) ([]byte, error) {
	o, err := r.part(name, offset, size)
	if err != nil {
		return nil, err
	}
	if size > MaxRead {
		return nil, fmt.Errorf("%w: %q: byte_size %d is more than the %d that one tensor may have", ErrRegion, name, size, MaxRead)
	}
	data := make([]byte, size)
	if _, err := o.file.ReadAt(data, int64(o.Offset+offset)); err != nil {
		return nil, o.failed("read", err)
	}
	return data, nil
}

// Write writes data at offset in a region. The errors are an ErrNotFound or an
// ErrRegion.
func (r *Regions) Write(name string, offset uint64, data []byte) error {
	o, err := r.part(name, offset, uint64(len(data)))
	if err != nil {
		return err
	}
	// A file that is truncated from here on is made longer again, which harms
	// nobody but its owner.
	if _, err := o.file.WriteAt(data, int64(o.Offset+offset)); err != nil {
		return o.failed("written", err)
	}
	return nil
}

// Check reports whether size bytes from offset are a part of a region, with the
// errors of Read.
func (r *Regions) Check(name string, offset, size uint64) error {
	_, err := r.part(name, offset, size)
	return err
}

// part returns the region of that name, in which size bytes from offset lie, and
// which lies in its file as that is now.
func (r *Regions) part(name string, offset, size uint64) (*openRegion, error) {
	o, err := r.find(name)
	if err != nil {
		return nil, err
	}
	if offset > o.Size || size > o.Size-offset {
		return nil, fmt.Errorf("%w: %q has %d bytes: offset %d and byte_size %d go past them", ErrRegion, name, o.Size, offset, size)
	}
	return o, o.check()
}

// failed says why a region could not be read or written.
func (o *openRegion) failed(done string, err error) error {
	switch {
	case errors.Is(err, os.ErrClosed):
		return fmt.Errorf("%w: %q was unregistered meanwhile", ErrNotFound, o.Name)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %q: key %q was made shorter meanwhile", ErrRegion, o.Name, o.Key)
	}
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		err = pathError.Err // without the path
	}
	return fmt.Errorf("%w: %q could not be %s: %w", ErrRegion, o.Name, done, err)
}
