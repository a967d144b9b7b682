//go:build linux

package shm_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/shm"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// duplicate returns another file for a segment, as the worker has it.
func duplicate(t *testing.T, s *shm.Segment) *os.File {
	t.Helper()
	fd, err := unix.Dup(int(s.File().Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "duplicate")
}

func unmap(t *testing.T, s *shm.Segment) {
	t.Helper()
	if err := s.Unmap(); err != nil {
		t.Error(err)
	}
}

func TestSegmentIsShared(t *testing.T) {
	for _, access := range []shm.Access{shm.ReadOnly, shm.Writable} {
		s, err := shm.Create(5000, access)
		if err != nil {
			t.Fatal(err)
		}
		if s.Size()%os.Getpagesize() != 0 || s.Size() < 5000 {
			t.Errorf("size %d", s.Size())
		}
		other, err := shm.Open(duplicate(t, s), 7, s.Size(), access)
		if err != nil {
			t.Fatal(err)
		}
		s.Bytes()[4999] = 5
		if other.Bytes()[4999] != 5 || other.ID != 7 {
			t.Error("the segment is not shared")
		}
		if access == shm.Writable {
			if other.Bytes()[0] = 9; s.Bytes()[0] != 9 {
				t.Error("the segment is not shared in both directions")
			}
		}
		if err := errors.Join(other.Unmap(), s.Unmap(), s.Unmap()); err != nil {
			t.Error(err)
		}
	}
}

// The seals hold for the file, however the worker opens it.
func TestWorkerCannotWriteReadOnlySegment(t *testing.T) {
	s, err := shm.Create(5000, shm.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer unmap(t, s)
	if _, err := shm.Open(duplicate(t, s), 1, s.Size(), shm.Writable); !errors.Is(err, unix.EPERM) {
		t.Errorf("a writable mapping: %v", err)
	}
	reopened, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", s.File().Fd()), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reopened.WriteAt([]byte{1}, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v", err)
	}
	if _, err := shm.Open(reopened, 1, s.Size(), shm.Writable); !errors.Is(err, unix.EPERM) {
		t.Errorf("a writable mapping of the reopened file: %v", err)
	}
	other, err := shm.Open(duplicate(t, s), 1, s.Size(), shm.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer unmap(t, other)
	if err := unix.Mprotect(other.Bytes(), unix.PROT_READ|unix.PROT_WRITE); !errors.Is(err, unix.EACCES) {
		t.Errorf("mprotect: %v", err)
	}
}

// Access beyond the end of a file that became shorter is a SIGBUS.
func TestSegmentKeepsItsSize(t *testing.T) {
	for _, access := range []shm.Access{shm.ReadOnly, shm.Writable} {
		s, err := shm.Create(5000, access)
		if err != nil {
			t.Fatal(err)
		}
		defer unmap(t, s)
		for _, size := range []int64{0, 100_000} {
			if err := s.File().Truncate(size); !errors.Is(err, unix.EPERM) {
				t.Errorf("truncate to %d: %v", size, err)
			}
		}
		if _, err := unix.FcntlInt(s.File().Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); !errors.Is(err, unix.EPERM) {
			t.Errorf("another seal: %v", err)
		}
	}
}

// get returns a segment of the pool.
func get(t *testing.T, p *shm.Pool, size int, access shm.Access) *shm.Segment {
	t.Helper()
	s, err := p.Get(size, access)
	if err != nil {
		t.Fatal(err)
	}
	if s.Size() < size || s.ID == 0 || s.Access != access {
		t.Fatalf("segment %d of %d bytes and access %d", s.ID, s.Size(), s.Access)
	}
	return s
}

func TestPoolReusesSegments(t *testing.T) {
	p := shm.NewPool(0, time.Hour, func(uint32) {})
	defer p.Close()
	first := get(t, p, 300_000, shm.ReadOnly)
	second := get(t, p, 300_000, shm.ReadOnly)
	if first.ID == second.ID {
		t.Error("two segments have the same ID")
	}
	p.Put(second)
	p.Put(first)
	if s := get(t, p, 290_000, shm.ReadOnly); s != first {
		t.Error("the segment used last was not reused")
	}
	if s := get(t, p, 290_000, shm.Writable); s == second {
		t.Error("a segment was reused with another access")
	}
	if s := get(t, p, 1000, shm.ReadOnly); s == second {
		t.Error("a small run has a large segment")
	}
	if n, size := p.Usage(); n != 4 || size < 900_000 {
		t.Errorf("%d segments with %d bytes", n, size)
	}
}

func TestPoolFreesIdleSegments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := make(chan uint32, 10)
		p := shm.NewPool(0, time.Minute, func(id uint32) { ids <- id })
		defer p.Close()
		old, young, used := get(t, p, 1000, shm.ReadOnly), get(t, p, 1000, shm.Writable), get(t, p, 1000, shm.Writable)
		p.MarkShared(old)
		p.MarkShared(young)
		p.Put(old)
		time.Sleep(40 * time.Second)
		p.Put(young)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n, _ := p.Usage(); n != 2 || len(ids) != 1 || <-ids != old.ID {
			t.Errorf("%d segments after a minute", n)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n, size := p.Usage(); n != 1 || size != int64(used.Size()) || len(ids) != 1 || <-ids != young.ID {
			t.Errorf("%d segments with %d bytes after two minutes", n, size)
		}
		p.Put(used) // not shared: the worker does not know it
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n, size := p.Usage(); n != 0 || size != 0 || len(ids) != 0 {
			t.Errorf("%d segments with %d bytes at the end, %d dropped", n, size, len(ids))
		}
	})
}

func TestPoisonShowsUseAfterPut(t *testing.T) {
	defer bufpool.Poison(bufpool.Poison(true))
	p := shm.NewPool(0, time.Hour, func(uint32) {})
	defer p.Close()
	for _, access := range []shm.Access{shm.ReadOnly, shm.Writable} {
		s := get(t, p, 1000, access)
		p.Put(s)
		for i, b := range s.Bytes() {
			if b != bufpool.Poisoned {
				t.Fatalf("byte %d is %#x", i, b)
			}
		}
	}
}

func TestPoolIsLimited(t *testing.T) {
	p := shm.NewPool(1<<20, time.Hour, func(uint32) {})
	defer p.Close()
	half := get(t, p, 1<<19, shm.ReadOnly)
	if _, err := p.Get(1<<20, shm.ReadOnly); !errors.Is(err, shm.ErrFull) {
		t.Error(err)
	}
	p.Put(half)
	whole := get(t, p, 1<<20, shm.ReadOnly) // half makes room
	if n, size := p.Usage(); n != 1 || size != 1<<20 {
		t.Errorf("%d segments with %d bytes", n, size)
	}
	p.Close()
	p.Put(whole)
	if n, size := p.Usage(); n != 0 || size != 0 || whole.Bytes() != nil {
		t.Errorf("after Close: %d segments with %d bytes", n, size)
	}
}
