package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// sharedMappings returns the sizes of the shared memory that a process has mapped, which is
// writable or not.
func sharedMappings(t *testing.T, pid int, writable bool) (sizes []int) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		var from, to int
		var access string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); err == nil && strings.Contains(line, "memfd:tensorwire") && (access[1] == 'w') == writable {
			sizes = append(sizes, to-from)
		}
	}
	return sizes
}

// Isolation copies no inputs of requests whose tensors are binary: the worker reads them in
// the memory that the message was received into. A copy would be in a segment of at least
// 64 KiB; a message of one row has less.
func TestIsolationCopiesNoBinaryInputs(t *testing.T) {
	dir := t.TempDir()
	onnxtest.Unary("Neg", onnxtest.Float32, "batch", rowSize).Write(t, filepath.Join(dir, "alone", "1", "model.onnx"))
	p := start(t, "--models", dir, "--isolation", "version")
	h1, h2 := newClient(t, false, nil), newClient(t, true, nil)
	inputs := func() (shared, copied int) {
		for _, pid := range workers(t) {
			for _, size := range sharedMappings(t, pid, false) {
				if size < 64<<10 {
					shared++
				} else {
					copied++
				}
			}
		}
		return shared, copied
	}
	for _, way := range []struct {
		name string
		ask  negate
	}{
		{"gRPC", overRPC(h2, p.url, connecthttp.WithGRPC())},
		{"gRPC-Web", overRPC(h1, p.url, connecthttp.WithGRPCWeb())},
		{"Connect", overRPC(h1, p.url)},
		{"Connect over HTTP/2", overRPC(h2, p.url)},
		{"Connect, JSON", overRPC(h1, p.url, connecthttp.WithProtoJSON())},
		{"REST", overREST(h1, p.url)},
		{"REST over HTTP/2", overREST(h2, p.url)},
		{"a stream of gRPC", overStream(h2, p.url, connecthttp.WithGRPC())},
	} {
		if right, err := way.ask(t.Context(), "alone", 1); err != nil || !right {
			t.Fatalf("%s: %v, the right answer: %v", way.name, err, right)
		}
		if shared, copied := inputs(); shared == 0 || copied > 0 {
			t.Fatalf("%s: the worker has %d segments of messages and %d of copies", way.name, shared, copied)
		}
	}
	// Copies are seen: what is compressed is decoded into other memory.
	if right, err := overRPC(h1, p.url, connecthttp.WithSendGzip())(t.Context(), "alone", 1); err != nil || !right {
		t.Fatal(right, err)
	}
	if _, copied := inputs(); copied == 0 {
		t.Error("compressed inputs were not copied")
	}
}

// noSharedMemory waits until this process has no shared memory of workers any more, after
// its servers have ended. Buffers of messages are freed by the garbage collector.
func noSharedMemory(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		runtime.GC()
		left := sharedMappings(t, os.Getpid(), true)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("shared memory is left: segments of %d bytes", left)
		}
	}
}

// What clients do not wait for, do not read, or get as an error, leaves no shared memory.
func TestSharedMemoryOfWorkersIsFreed(t *testing.T) {
	dir := t.TempDir()
	onnxtest.Unary("Neg", onnxtest.Float32, "batch", rowSize).Write(t, filepath.Join(dir, "alone", "1", "model.onnx"))
	onnxtest.Unary("Neg", onnxtest.Float32, "batch", rowSize).Write(t, filepath.Join(dir, "joined", "1", "model.onnx"))
	if err := os.WriteFile(filepath.Join(dir, "joined", "config.pbtxt"), []byte(`max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 3000 }`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--models", dir, "--isolation", "version")
	h1, h2 := newClient(t, false, nil), newClient(t, true, nil)
	var group sync.WaitGroup
	for _, ask := range []negate{
		overRPC(h2, p.url, connecthttp.WithGRPC()), overRPC(h1, p.url), overREST(h1, p.url), overREST(h2, p.url),
		overStream(h2, p.url, connecthttp.WithGRPC()), overStream(h2, p.url),
	} {
		for i := range 12 {
			model := []string{"alone", "joined", "missing"}[i%3]
			group.Go(func() {
				ctx, leave := context.WithTimeout(t.Context(), rand.N(20*time.Millisecond))
				defer leave()
				if right, err := ask(ctx, model, 1); err == nil && !right {
					t.Error("a wrong response")
				}
			})
		}
	}
	message, err := proto.Marshal(negation("alone", 1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		unread := attack{"/inference.GRPCInferenceService/ModelInfer", i%2 == 1, []string{"Content-Type", "application/proto"}, message}
		group.Go(func() { unread.send(t, p).Body.Close() })
	}
	group.Wait()
	if len(sharedMappings(t, os.Getpid(), true)) == 0 {
		t.Error("the server has no shared memory: the test proves nothing")
	}
	p.end(t)
	noSharedMemory(t)
}
