package shm_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/shm"
)

// BenchmarkCreate makes segments of 20 MB in memory of Go's heap that was in use before.
func BenchmarkCreate(b *testing.B) {
	const size = 20_000_000
	former := make([]byte, 4*size)
	for i := range former {
		former[i] = 1
	}
	runtime.KeepAlive(former)
	runtime.GC()
	for b.Loop() {
		p := shm.NewPool(0, time.Hour, func(uint32) {})
		s, err := p.Get(size, shm.Writable)
		if err != nil {
			b.Fatal(err)
		}
		p.Put(s)
		p.Close()
	}
}
