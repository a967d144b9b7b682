package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// eventually waits until a state is reached.
func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !reached(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// declare opens streams on one connection of HTTP/2, each with a gRPC message of size bytes of which
// only the prefix is sent.
func declare(t *testing.T, address string, streams, size int) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	f := http2.NewFramer(nc, nc)
	_, err = io.WriteString(nc, http2.ClientPreface)
	err = errors.Join(err, f.WriteSettings(), f.WriteSettingsAck())
	for i := range streams {
		block.Reset()
		for _, field := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", "x"}, {":path", "/modelserving.Predictor/FastPredict"}, {"content-type", "application/grpc"}} {
			_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // writes to memory
		}
		id := uint32(2*i + 1)
		err = errors.Join(err,
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, BlockFragment: block.Bytes()}),
			f.WriteData(id, false, binary.BigEndian.AppendUint32([]byte{0}, uint32(size))))
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, nc) }()
}

// Messages that are declared and not sent take no memory, and do not keep others from theirs, also
// not those of the same host.
func TestDeclaredMessagesDoNotStopTheServer(t *testing.T) {
	const message = 64 << 20
	b := admission.New(512 << 20)
	address, _ := start(t, server.Options{Budget: b, TransferGrace: time.Hour})
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	declare(t, address, 9, message)
	eventually(t, "the budget is full", func() bool { return b.Refused() > 0 && b.Used() > b.Limit()/2 })
	if after := heap(); after > before+16<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	client := grpcClient(t, address)
	for range 5 {
		if _, err := client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: make([]byte, 60*mb)}); err != nil {
			t.Fatal(err)
		}
	}
	if b.Revoked() == 0 || b.Revoked() > 3 {
		t.Errorf("%d requests were ended", b.Revoked())
	}
}

// deaf sends a request over HTTP/1.1 and reads nothing of its response.
func deaf(t *testing.T, address string, size int) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_, err = fmt.Fprintf(nc, "POST /v2/large HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", size)
	if _, sent := nc.Write(make([]byte, size)); err != nil || sent != nil {
		t.Fatal(err, sent)
	}
}

// Clients of HTTP/1.1 that do not read their responses are cut off, and hold no memory then.
func TestClientsThatDoNotReadAreCutOff(t *testing.T) {
	b := admission.New(17 * 2 * mb)
	address, _ := start(t, server.Options{Budget: b, TransferGrace: 200 * time.Millisecond, MinWriteRate: 100 * mb})
	for range 17 {
		deaf(t, address, mb)
	}
	eventually(t, "memory was reserved", func() bool { return b.Peak() > 0 })
	idle(t, b)
}

// They are also cut off within their grace, when others need the memory.
func TestClientsThatDoNotReadMakeRoomForOthers(t *testing.T) {
	b := admission.New(17 * 2 * mb)
	address, _ := start(t, server.Options{Budget: b, TransferGrace: time.Hour, MinWriteRate: 1 << 40})
	for range 17 {
		deaf(t, address, mb)
	}
	eventually(t, "the budget is full", func() bool { return b.Used() == 17*2*mb })
	client := grpcClient(t, address)
	eventually(t, "another request is answered", func() bool {
		_, err := client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: make([]byte, mb)})
		return err == nil
	})
	if b.Revoked() == 0 {
		t.Error("nothing was ended")
	}
}

// Large responses reach clients that read them, over both versions of HTTP.
func TestLargeResponsesAreWhole(t *testing.T) {
	address, _ := start(t, server.Options{Budget: admission.New(100 * mb)})
	for _, h2c := range []bool{false, true} {
		for range 3 { // HTTP/1.1 keeps the connection
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/v2/large", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			res, err := httpClient(t, h2c).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, res.Body)
			if res.Body.Close(); err != nil || n != largeResponse {
				t.Errorf("HTTP/2 %v: %d bytes, %v", h2c, n, err)
			}
		}
	}
}

// Connections above the limits are answered with 503 and closed, the open ones are kept, and there
// is room again when they close.
func TestConnectionsAreBounded(t *testing.T) {
	for name, options := range map[string]server.Options{
		"in total": {MaxConnections: 3},
		"per peer": {MaxConnectionsPerPeer: 3},
	} {
		t.Run(name, func(t *testing.T) {
			s, address := startServer(t, options)
			var open []net.Conn
			for range 3 {
				nc, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				open = append(open, nc)
			}
			eventually(t, "three are open", func() bool { n, _ := s.Connections(); return n == 3 })
			const request = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
			for range 100 {
				if answer := raw(t, address, request, 10*time.Second); !strings.HasPrefix(answer, "HTTP/1.1 503 ") || !strings.HasSuffix(answer, "too many connections (max-connections): retry\n") {
					t.Fatalf("one more: %q", answer)
				}
			}
			if n, refused := s.Connections(); n != 3 || refused != 100 {
				t.Errorf("%d are open, %d were refused", n, refused)
			}
			if answer := exchangeOn(t, open[0], request); !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
				t.Errorf("one of the open: %q", answer)
			}
			eventually(t, "one has closed", func() bool { n, _ := s.Connections(); return n == 2 })
			if answer := raw(t, address, request, 10*time.Second); !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
				t.Errorf("when there is room: %q", answer)
			}
			eventually(t, "that has closed", func() bool { n, _ := s.Connections(); return n == 2 })
			if _, err := grpcClient(t, address).FastPredict(t.Context(), &modelserving.FastInferenceRequest{}); err != nil {
				t.Errorf("HTTP/2: %v", err)
			}
		})
	}
}

// exchangeOn sends a request on an open connection and returns all that follows.
func exchangeOn(t *testing.T, nc net.Conn, request string) string {
	t.Helper()
	if _, err := io.WriteString(nc, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// Connections of HTTP/2 count until they end.
func TestHTTP2ConnectionsAreCounted(t *testing.T) {
	s, address := startServer(t, server.Options{MaxConnections: 1, Budget: admission.New(mb)})
	client := httpClient(t, true)
	get := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/livez", http.NoBody)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	if answer := raw(t, address, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 10*time.Second); !strings.Contains(answer, " 503 ") {
		t.Errorf("a second: %q", answer)
	}
	if err := get(); err != nil {
		t.Errorf("on the open one: %v", err)
	}
	client.CloseIdleConnections()
	eventually(t, "none is open", func() bool { n, _ := s.Connections(); return n == 0 })
}

// exhausted is a listener whose process has too many open files for a while.
type exhausted struct {
	net.Listener
	failures atomic.Int32
}

func (l *exhausted) Accept() (net.Conn, error) {
	if l.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestTooManyOpenFilesDoNotEndTheServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	full := &exhausted{Listener: listener}
	full.failures.Store(3)
	lifecycle := &telemetry.Lifecycle{}
	s, err := server.New(lifecycle, server.Options{}, server.Endpoint{Name: "api", Routes: server.Probes(readyOf(lifecycle))})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve("api", full) }()
	if status, _ := get(t, "http://"+listener.Addr().String()+"/livez"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
