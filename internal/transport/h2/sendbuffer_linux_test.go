package h2_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// Environment of BenchmarkSendBuffer. To measure over a link between two network
// namespaces, run the benchmark in one, on sendBufferHost, with clients in the other
// (sendBufferExec "ip netns exec NAME").
const (
	sendBufferHost   = "H2_SENDBUFFER_HOST" // address to listen on; default 127.0.0.1
	sendBufferExec   = "H2_SENDBUFFER_EXEC" // prefix of the client's command line
	sendBufferClient = "H2_SENDBUFFER_CLIENT"
)

// BenchmarkSendBuffer compares the server's CPU time per response with and without the bound
// of the socket send buffer. The clients are processes of their own. Each iteration is a
// round over all variants; "unbounded2" shows the noise of "unbounded" against itself. Run
// it with -benchtime 15x; docs/decisions.md has results.
func BenchmarkSendBuffer(b *testing.B) {
	for _, load := range []struct{ size, callers, conns, requests int }{
		{size: 602_112, callers: 4, conns: 1, requests: 1000},
		{size: 602_112, callers: 32, conns: 4, requests: 1000},
		{size: 20 << 20, callers: 4, conns: 4, requests: 40},
	} {
		b.Run(fmt.Sprintf("size=%d/callers=%d/conns=%d", load.size, load.callers, load.conns), func(b *testing.B) {
			names := []string{"bounded", "unbounded", "unbounded2"}
			servers, times := map[string]string{}, map[string][]float64{}
			for _, name := range names {
				servers[name] = sendBufferServer(b, load.size, name == "bounded")
			}
			for round := 0; b.Loop(); round++ {
				for i := range names {
					name := names[(round+i)%len(names)]
					before := cpuTime(b)
					runSendBufferClient(b, servers[name], load.callers, load.conns, load.requests)
					times[name] = append(times[name], float64((cpuTime(b)-before).Microseconds())/float64(load.requests))
				}
			}
			for _, name := range names {
				slices.Sort(times[name])
				b.ReportMetric(times[name][len(times[name])/2], name+"-cpu-us/req")
			}
			b.ReportMetric(0, "ns/op") // wall time of a round means nothing
		})
	}
}

func sendBufferServer(b *testing.B, size int, bounded bool) (address string) {
	b.Helper()
	response := make([]byte, size)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write(response)
	})}
	server := h2.Configure(srv, h2.Options{})
	if !bounded {
		server.UnboundSendBuffer()
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(cmp.Or(os.Getenv(sendBufferHost), "127.0.0.1"), "0"))
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	b.Cleanup(func() {
		if err := errors.Join(srv.Shutdown(b.Context()), server.Close()); err != nil && !errors.Is(err, b.Context().Err()) {
			b.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			b.Error(err)
		}
	})
	return listener.Addr().String()
}

// cpuTime returns the CPU time of this process.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func runSendBufferClient(b *testing.B, address string, callers, conns, requests int) {
	b.Helper()
	args := append(strings.Fields(os.Getenv(sendBufferExec)), os.Args[0], "-test.run=^TestSendBufferClient$", "-test.count=1")
	cmd := exec.CommandContext(b.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d %d", sendBufferClient, address, callers, conns, requests))
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
}

// TestSendBufferClient is the client process of BenchmarkSendBuffer.
func TestSendBufferClient(t *testing.T) {
	fields := strings.Fields(os.Getenv(sendBufferClient))
	if len(fields) == 0 {
		t.Skip("BenchmarkSendBuffer runs it")
	}
	var numbers [3]int
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.Atoi(fields[1+i]); err != nil {
			t.Fatal(err)
		}
	}
	callers, conns, requests := numbers[0], numbers[1], numbers[2]
	clients := make([]*http.Client, conns)
	for i := range clients {
		transport := &http.Transport{Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxReadFrameSize: 1 << 20}}
		transport.Protocols.SetUnencryptedHTTP2(true)
		defer transport.CloseIdleConnections()
		clients[i] = &http.Client{Transport: transport}
	}
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			buf := make([]byte, 256<<10)
			for range requests / callers {
				res, err := clients[caller%conns].Get("http://" + fields[0])
				if err != nil {
					t.Error(err)
					return
				}
				for err == nil {
					_, err = res.Body.Read(buf)
				}
				if _ = res.Body.Close(); !errors.Is(err, io.EOF) {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}
