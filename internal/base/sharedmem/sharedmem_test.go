//go:build unix

package sharedmem_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
)

// regions returns a Regions for a directory with an object "o" of 16 bytes.
func regions(t *testing.T) (*sharedmem.Regions, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "o"), []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := sharedmem.New(dir)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, dir
}

func TestRegionsAreReadAndWritten(t *testing.T) {
	r, dir := regions(t)
	if err := r.Register(sharedmem.Region{Name: "in", Key: "/o", Offset: 4, Size: 8}); err != nil {
		t.Fatal(err)
	}
	if data, err := r.Read("in", 2, 3); err != nil || string(data) != "678" {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := r.Read("in", 8, 0); err != nil || len(data) != 0 {
		t.Errorf("%q, %v", data, err)
	}
	if err := r.Write("in", 7, []byte("X")); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "o")); err != nil || string(got) != "0123456789aXcdef" {
		t.Errorf("the object holds %q, %v", got, err)
	}
	if err := r.Register(sharedmem.Region{Name: "in", Key: "o", Size: 1}); !errors.Is(err, sharedmem.ErrExists) {
		t.Error(err)
	}
	if err := r.Register(sharedmem.Region{Name: "all", Key: "o", Size: 16}); err != nil {
		t.Error(err)
	}
	if all, err := r.Status(""); err != nil || len(all) != 2 || all[0].Name != "all" || all[1] != (sharedmem.Region{Name: "in", Key: "/o", Offset: 4, Size: 8}) {
		t.Errorf("%v, %v", all, err)
	}
	if err := r.Unregister("in"); err != nil {
		t.Error(err)
	}
	if _, err := r.Status("in"); !errors.Is(err, sharedmem.ErrNotFound) {
		t.Error(err)
	}
	if _, err := r.Read("in", 0, 1); !errors.Is(err, sharedmem.ErrNotFound) {
		t.Error(err)
	}
}

func TestKeysStayInTheDirectory(t *testing.T) {
	r, dir := regions(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("o", filepath.Join(dir, "inner")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "/", ".", "..", "/..", "//o", "../secret", "sub/../o", "a/b", "link", "inner", "sub", "pipe", "missing", "o\x00", strings.Repeat("n", 300)} {
		err := r.Register(sharedmem.Region{Name: "r", Key: key, Size: 1})
		if !errors.Is(err, sharedmem.ErrRegion) {
			t.Errorf("key %q: %v", key, err)
		} else if strings.Contains(err.Error(), dir) {
			t.Errorf("key %q: the error contains a path: %v", key, err)
		}
	}
	if err := r.Register(sharedmem.Region{Key: "o", Size: 1}); !errors.Is(err, sharedmem.ErrRegion) {
		t.Errorf("without a name: %v", err)
	}
}

func TestSizesAreChecked(t *testing.T) {
	r, _ := regions(t)
	const huge = 1<<64 - 1
	for _, region := range []sharedmem.Region{{Size: 17}, {Offset: 17}, {Offset: 16, Size: 1}, {Offset: huge, Size: 2}, {Offset: 2, Size: huge}, {Size: huge}} {
		region.Name, region.Key = "r", "o"
		if err := r.Register(region); !errors.Is(err, sharedmem.ErrRegion) {
			t.Errorf("%+v: %v", region, err)
		}
	}
	if err := r.Register(sharedmem.Region{Name: "r", Key: "o", Offset: 8, Size: 4}); err != nil {
		t.Fatal(err)
	}
	for _, part := range [][2]uint64{{0, 5}, {5, 0}, {4, 1}, {huge, 2}, {1, huge}, {huge, huge}} {
		if _, err := r.Read("r", part[0], part[1]); !errors.Is(err, sharedmem.ErrRegion) {
			t.Errorf("read %v: %v", part, err)
		}
	}
	if err := r.Write("r", 1, make([]byte, 4)); !errors.Is(err, sharedmem.ErrRegion) {
		t.Errorf("write past the end: %v", err)
	}
}

// TestTruncatedObjectIsAnError covers the reason against mapping memory.
func TestTruncatedObjectIsAnError(t *testing.T) {
	r, dir := regions(t)
	if err := r.Register(sharedmem.Region{Name: "r", Key: "o", Size: 16}); err != nil {
		t.Fatal(err)
	}
	object := filepath.Join(dir, "o")
	stop := make(chan struct{})
	var resizing sync.WaitGroup
	resizing.Go(func() {
		for size := int64(0); ; size = 16 - size {
			select {
			case <-stop:
				return
			default:
				if err := os.Truncate(object, size); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 2000 {
		data, err := r.Read("r", 0, 16)
		if (err == nil) != (len(data) == 16) || (err != nil && !errors.Is(err, sharedmem.ErrRegion)) {
			t.Fatalf("%q, %v", data, err)
		}
		if err := r.Write("r", 0, bytes.Repeat([]byte{1}, 16)); err != nil && !errors.Is(err, sharedmem.ErrRegion) {
			t.Fatal(err)
		}
	}
	close(stop)
	resizing.Wait()
}

func TestReadsAreBounded(t *testing.T) {
	r, dir := regions(t)
	if err := os.Truncate(filepath.Join(dir, "o"), 1<<40); err != nil {
		t.Skipf("the file system has no files of 1 TiB: %v", err)
	}
	if err := r.Register(sharedmem.Region{Name: "r", Key: "o", Size: 1 << 40}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read("r", 0, 1<<40); !errors.Is(err, sharedmem.ErrRegion) {
		t.Error(err)
	}
	if data, err := r.Read("r", 1<<39, 8); err != nil || len(data) != 8 {
		t.Error(err)
	}
}

func TestTheNumberOfRegionsIsBounded(t *testing.T) {
	r, _ := regions(t)
	name := strings.Repeat("x", sharedmem.MaxRegions+1)
	for i := range sharedmem.MaxRegions {
		if err := r.Register(sharedmem.Region{Name: name[:i+1], Key: "o", Size: 1}); err != nil {
			t.Skipf("the limit of open files is too low: %v", err)
		}
	}
	if err := r.Register(sharedmem.Region{Name: name, Key: "o", Size: 1}); !errors.Is(err, sharedmem.ErrRegion) {
		t.Error(err)
	}
}
