package bufpool_test

import (
	"bytes"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

func TestBuffersFit(t *testing.T) {
	var sizes []int
	for edge := 1 << 10; edge <= 1<<18; edge *= 2 {
		for near := -2; near <= 2; near++ {
			sizes = append(sizes, edge+near, edge+edge/4+near, edge+edge/2+near, edge+edge/3+near, edge+3*edge/4+near)
		}
	}
	for _, n := range append(sizes, 0, 1, 2) {
		b := bufpool.Get(n)
		if len(b) != n || cap(b) != bufpool.Size(n) || (n > 4096 && cap(b)*4 > n*5+8) {
			t.Fatalf("%d bytes: length %d, capacity %d", n, len(b), cap(b))
		}
		if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 != 0 {
			t.Fatalf("%d bytes are not aligned", n)
		}
		bufpool.Put(b)
	}
	for _, n := range []int{1 << 20, 20_000_000, 64 << 20, 100 << 20, 200 << 20} {
		b := bufpool.Get(n)
		if len(b) != n {
			t.Errorf("%d bytes: length %d", n, len(b))
		}
		bufpool.Put(b)
	}
	bufpool.Put(nil)
	bufpool.Put(make([]byte, 5000)) // not of Get
}

func TestPoisonShowsUseAfterPut(t *testing.T) {
	defer bufpool.Poison(bufpool.Poison(true))
	for _, part := range []struct{ from, to int }{{0, 10_000}, {0, 1}, {1, 1}, {bufpool.Alignment - 1, 10_000}} {
		b := bufpool.Get(10_000)
		clear(b)
		bufpool.Put(b[part.from:part.to])
		for i, c := range b[:cap(b)] {
			if c != bufpool.Poisoned {
				t.Fatalf("byte %d is %#x after Put of %v", i, c, part)
			}
		}
	}
	for name, of := range map[string]func([]byte) []byte{
		"behind the beginning": func(b []byte) []byte { return b[bufpool.Alignment:] },
		"shorter":              func(b []byte) []byte { return b[: 5000 : cap(b)-1] },
	} {
		b := bufpool.Get(10_000)
		clear(b)
		if bufpool.Put(of(b)); b[5000] == bufpool.Poisoned {
			t.Errorf("Put pools a slice that is %s", name)
		}
	}
}

func TestBuffersAreUsedByOneAtATime(t *testing.T) {
	var group sync.WaitGroup
	for worker := range byte(8) {
		group.Go(func() {
			for n := range 300 {
				b := bufpool.Get(n * 100)
				for i := range b {
					b[i] = worker
				}
				runtime.Gosched()
				if bytes.Count(b, []byte{worker}) != len(b) {
					t.Error("a buffer has two owners")
				}
				bufpool.Put(b)
			}
		})
	}
	group.Wait()
}

func BenchmarkGetPut(b *testing.B) {
	for b.Loop() {
		bufpool.Put(bufpool.Get(602_112))
	}
}
