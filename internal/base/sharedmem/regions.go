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

// Dir is the system's directory of POSIX shared memory objects.
const Dir = "/dev/shm"

const (
	// MaxRegions bounds the registered regions. Each has an open file.
	MaxRegions = 4096
	// maxName is the maximum length of a file name on Linux, in bytes.
	maxName = 255
)

var (
	// ErrRegion reports an invalid region, or an access outside of a region. Its text
	// is for the client.
	ErrRegion = errors.New("bad shared memory region")
	// ErrNotFound reports that no region with that name is registered.
	ErrNotFound = errors.New("shared memory region is not registered")
	// ErrExists reports that a region with that name is already registered.
	ErrExists = errors.New("shared memory region is already registered")
)

// Region is a part of a shared memory object.
type Region struct {
	// Name identifies the region in requests.
	Name string
	// Key is the name of the object for shm_open, with or without a leading slash.
	Key string
	// Offset is the region's start in the object, Size its length, both in bytes.
	Offset, Size uint64
}

// openRegion is a region with the open file of its object.
type openRegion struct {
	Region
	file *os.File
}

// Regions holds the registered regions. It is safe for concurrent use.
type Regions struct {
	dir     string
	mu      sync.RWMutex // guards regions
	regions map[string]*openRegion
}

// New returns an empty Regions for the objects in dir. Only tests pass another
// directory than Dir.
func New(dir string) *Regions {
	return &Regions{dir: dir, regions: map[string]*openRegion{}}
}

// Register opens a region. The key must name a regular file directly in the directory;
// symbolic links are not followed. The region must be inside the file. The error is an
// ErrRegion, or an ErrExists for a name in use.
func (r *Regions) Register(region Region) error {
	if region.Name == "" {
		return fmt.Errorf("%w: name is empty: set the name that requests will use", ErrRegion)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, exists := r.regions[region.Name]; exists {
		return fmt.Errorf("%w: %q: unregister it, or choose another name", ErrExists, region.Name)
	}
	if len(r.regions) >= MaxRegions {
		return fmt.Errorf("%w: %q: the maximum of %d regions is registered: unregister one", ErrRegion, region.Name, MaxRegions)
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
		return nil, fmt.Errorf("%w: %q: key is %q: set it to the name of an object in %s, without directories", ErrRegion, region.Name, region.Key, Dir)
	}
	file, err := os.OpenFile(filepath.Join(r.dir, name), os.O_RDWR|openFlags, 0)
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		err = pathError.Err // without the path
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %q: key %q in %s cannot be opened for reading and writing: %w", ErrRegion, region.Name, region.Key, Dir, err)
	}
	return file, nil
}

// check reports whether the region is inside its file at its current size.
func (o *openRegion) check() error {
	info, err := o.file.Stat()
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrRegion, o.Name, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %q: key %q is not a shared memory object", ErrRegion, o.Name, o.Key)
	}
	if size := uint64(info.Size()); o.Offset > size || o.Size > size-o.Offset {
		return fmt.Errorf("%w: %q: offset %d plus byte_size %d exceeds the %d bytes of key %q", ErrRegion, o.Name, o.Offset, o.Size, size, o.Key)
	}
	return nil
}

// Unregister closes a region, or all if name is empty. An unknown name is not an error,
// as in the protocol's other servers.
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

// Close closes all regions. r may be nil.
func (r *Regions) Close() error {
	if r == nil {
		return nil
	}
	return r.Unregister("")
}

// Status returns the region with that name, or all sorted by name if it is empty. The
// error is an ErrNotFound.
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
