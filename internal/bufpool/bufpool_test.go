package bufpool_test

import (
	"testing"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

func TestBuffersFit(t *testing.T) {
	for n := range 200_000 {
		b := bufpool.Get(n)
		if len(b) != n || (n > 4096 && cap(b)*2 > n*3+8) {
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
	bufpool.Put(make([]byte, 5000)) // of another make
}

func BenchmarkGetPut(b *testing.B) {
	for b.Loop() {
		bufpool.Put(bufpool.Get(602_112))
	}
}
