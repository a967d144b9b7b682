package h2_test

import (
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// maxIdleMemory bounds heap and stacks of an idle connection, including net.Conn at both
// ends. By the same measure grpc-go v1.85 takes 19 KB and three goroutines.
const maxIdleMemory = 16 << 10

// A connection that has served a request and is idle holds no buffer, and one goroutine.
func TestIdleConnectionMemory(t *testing.T) {
	const many = 500
	s := serve(t, false, h2.Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write(make([]byte, 100))
	})
	address := s.url[len("http://"):]
	open := func() net.Conn {
		nc, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Write([]byte(http2.ClientPreface)); err != nil {
			t.Fatal(err)
		}
		p := &peer{f: http2.NewFramer(nc, nc)}
		p.f.SetReuseFrames()
		p.encoder = newEncoder(p)
		if err := firstError(p.f.WriteSettings(), p.f.WriteSettingsAck(), p.request(1, true, append(get("/"), "user-agent", "idle", "te", "trailers")...)); err != nil {
			t.Fatal(err)
		}
		for {
			f, err := p.f.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			if data, ok := f.(*http2.DataFrame); ok && data.StreamEnded() {
				return nc
			}
		}
	}
	conns := []net.Conn{open()}
	before, goroutines := memory(), runtime.NumGoroutine()
	for range many {
		conns = append(conns, open())
	}
	after := memory()
	each := (after - before) / many
	t.Logf("%d bytes and %.2f goroutines per idle connection, including net.Conn at both ends", each, float64(runtime.NumGoroutine()-goroutines)/many)
	if each > maxIdleMemory && !raceDetector {
		t.Errorf("an idle connection takes %d bytes, want at most %d", each, maxIdleMemory)
	}
	if got := runtime.NumGoroutine() - goroutines; got > many+many/10 {
		t.Errorf("%d connections have %d goroutines", many, got)
	}
	for _, nc := range conns {
		nc.Close()
	}
}

// memory returns the size of heap and stacks after a collection.
func memory() int {
	debug.FreeOSMemory()
	time.Sleep(50 * time.Millisecond) // for goroutines that are starting or ending
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
