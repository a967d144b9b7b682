package sharedmem

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Dir is where the system keeps POSIX shared memory.
const Dir = "/dev/shm"

const (
	// MaxRegions bounds the regions that are registered at once, each of which holds
	// a file open.
	MaxRegions = 4096
	// maxName is the longest name of a file on Linux.
	maxName = 255
)

var (
	// ErrRegion says that a region, or the part of one that was asked for, does not
	// fit. Its text is for the caller.
	ErrRegion = errors.New("bad shared memory region")
	// ErrNotFound says that no region of that name is registered.
	ErrNotFound = errors.New("shared memory region is not registered")
	// ErrExists says that a region of that name is registered already.
	ErrExists = errors.New("shared memory region is registered already")
)

// Region is a part of a shared memory object.
type Region struct {
	// Name is what requests call it.
	Name string
	// Key is the name of the object, as shm_open takes it: with or without a slash
	// before it.
	Key string
	// Offset is where the region begins in the object, and Size its length, in bytes.
	Offset, Size uint64
}

// openRegion is a region and the object's file.
type openRegion struct {
	Region
	file *os.File
}

// Regions are the regions that clients have registered. It is safe for concurrent
// use.
type Regions struct {
	dir     string
	mu      sync.RWMutex // guards regions
	regions map[string]*openRegion
}

// New returns no regions yet. Their objects are the files of dir, which is Dir
// outside of tests.
func New(dir string) *Regions {
	return &Regions{dir: dir, regions: map[string]*openRegion{}}
}

// Register opens a region. The key names a regular file directly in the directory; it
// is not followed where it is a symbolic link. The region must lie in the file. The
// errors are an ErrRegion, or an ErrExists for a name that is taken.
func (r *Regions) Register(region Region) error {
	if region.Name == "" {
		return fmt.Errorf("%w: name is empty: give the name that requests will use", ErrRegion)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.regions[region.Name]; taken {
		return fmt.Errorf("%w: %q: unregister it, or choose another name", ErrExists, region.Name)
	}
	if len(r.regions) >= MaxRegions {
		return fmt.Errorf("%w: %q: %d regions are registered, which is the most: unregister some", ErrRegion, region.Name, MaxRegions)
	}
	file, err := r.open(region)
	if err != nil {
		return err
	}
	opened := &openRegion{region, file}
	if err := opened.check(); err != nil {
		return errors.Join(err, file.Close())
	}
	r.regions[region.Name] = opened
	return nil
}

// open opens a region's file.
func (r *Regions) open(region Region) (*os.File, error) {
	name := strings.TrimPrefix(region.Key, "/")
	if name == "" || name == "." || name == ".." || len(name) > maxName || strings.ContainsAny(name, "/\\\x00") {
		return nil, fmt.Errorf("%w: %q: key is %q: give the name of an object in %s, without directories", ErrRegion, region.Name, region.Key, Dir)
	}
	file, err := os.OpenFile(filepath.Join(r.dir, name), os.O_RDWR|asItIs, 0)
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		err = pathError.Err // without the path
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %q: key %q cannot be opened in %s to read and write: %w", ErrRegion, region.Name, region.Key, Dir, err)
	}
	return file, nil
}

// check reports whether the region lies in its file as that is now.
func (o *openRegion) check() error {
	info, err := o.file.Stat()
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrRegion, o.Name, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %q: key %q is no shared memory object", ErrRegion, o.Name, o.Key)
	}
	if size := uint64(info.Size()); o.Offset > size || o.Size > size-o.Offset {
		return fmt.Errorf("%w: %q: offset %d and byte_size %d go past the %d bytes of key %q", ErrRegion, o.Name, o.Offset, o.Size, size, o.Key)
	}
	return nil
}

// Unregister closes a region, or all where name is empty. A region that is not
// registered is no error, as it is none for the protocol's other servers.
func (r *Regions) Unregister(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, o := range r.regions {
		if name == "" || o.Name == name {
			errs = append(errs, o.file.Close())
			delete(r.regions, o.Name)
		}
	}
	return errors.Join(errs...)
}

// Close closes all regions. A nil r has none.
func (r *Regions) Close() error {
	if r == nil {
		return nil
	}
	return r.Unregister("")
}

// Status returns the region of that name, or all by name where it is empty. The error
// is an ErrNotFound.
func (r *Regions) Status(name string) ([]Region, error) {
	if name != "" {
		o, err := r.find(name)
		if err != nil {
			return nil, err
		}
		return []Region{o.Region}, nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]Region, 0, len(r.regions))
	for _, o := range r.regions {
		all = append(all, o.Region)
	}
	slices.SortFunc(all, func(a, b Region) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func (r *Regions) find(name string) (*openRegion, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if o, ok := r.regions[name]; ok {
		return o, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrNotFound, name)
}
