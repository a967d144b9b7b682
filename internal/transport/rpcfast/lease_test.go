package rpcfast_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
)

// serve serves one request, which has the messages, by handler.
func serve(ctx context.Context, t *testing.T, w http.ResponseWriter, kind connect.StreamType, contentType string, handler func(context.Context, connect.ServerStream) error, messages ...[]byte) {
	t.Helper()
	server := connect.NewServer()
	server.Register(connect.Method{
		Spec: connect.Spec{StreamType: kind, Procedure: "/test.S/Call"},
		Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
			return handler(ctx, stream)
		},
	})
	mux := http.NewServeMux()
	rpcfast.Mount(mux, server, rpcfast.Options{})
	q := request{procedure: "Call", method: http.MethodPost, header: map[string]string{"Content-Type": contentType}, major: 2}
	for _, m := range messages {
		if isEnveloped(contentType) {
			m = envelope(0, m)
		}
		q.body = append(q.body, m...)
	}
	mux.ServeHTTP(w, q.build(ctx))
}

// receive receives a message whose first raw contents are pattern(size).
func receive(t *testing.T, stream connect.ServerStream, size int) *inference.ModelInferRequest {
	t.Helper()
	m := &inference.ModelInferRequest{}
	if err := stream.Receive(m); err != nil {
		t.Fatal(err)
	}
	if !isPattern(m, size) {
		t.Fatal("the message came otherwise")
	}
	return m
}

func isPattern(m *inference.ModelInferRequest, size int) bool {
	return bytes.Equal(m.GetRawInputContents()[0], pattern(size))
}

// brokenWriter fails on a body.
type brokenWriter struct{ *httptest.ResponseRecorder }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

// The memory of a message returns to the pool when its handler has returned and it is certainly
// unused, and otherwise never: a later read would see the pool's poison. The same holds for memory
// that was lent to the response.
func TestMemoryReturnsToThePoolOnceUnused(t *testing.T) {
	answer := &inference.ModelInferResponse{Id: "answer"}
	var stored *inference.ModelInferRequest
	for name, test := range map[string]struct {
		handler func(ctx context.Context, cancel func(), stream connect.ServerStream, m *inference.ModelInferRequest) error
		broken  bool
		back    bool
	}{
		"answered": {
			handler: func(_ context.Context, _ func(), stream connect.ServerStream, _ *inference.ModelInferRequest) error {
				return stream.Send(answer)
			},
			back: true,
		},
		"echoed": {
			handler: func(_ context.Context, _ func(), stream connect.ServerStream, m *inference.ModelInferRequest) error {
				return stream.Send(&inference.ModelInferResponse{RawOutputContents: m.GetRawInputContents()})
			},
			back: true,
		},
		"copied": {
			handler: func(_ context.Context, _ func(), stream connect.ServerStream, m *inference.ModelInferRequest) error {
				stored = proto.CloneOf(m)
				return stream.Send(answer)
			},
			back: true,
		},
		"released early": {
			handler: func(ctx context.Context, _ func(), stream connect.ServerStream, m *inference.ModelInferRequest) error {
				rpcfast.Release(ctx, &inference.ModelInferRequest{}) // another message
				if !isPattern(m, 100_000) {
					t.Error("another message's Release gave this one back")
				}
				type key struct{}
				rpcfast.Release(context.WithValue(ctx, key{}, ""), m)
				if isPattern(m, 100_000) {
					t.Error("Release gave nothing back")
				}
				rpcfast.Release(ctx, m)
				return stream.Send(answer)
			},
			back: true,
		},
		"failed": {
			handler: func(context.Context, func(), connect.ServerStream, *inference.ModelInferRequest) error {
				return connect.NewError(connect.CodeInternal, "no")
			},
		},
		"canceled, though answered": {
			handler: func(_ context.Context, cancel func(), stream connect.ServerStream, _ *inference.ModelInferRequest) error {
				cancel()
				return stream.Send(answer)
			},
		},
		"not written, though the handler reports no error": {
			handler: func(_ context.Context, _ func(), stream connect.ServerStream, _ *inference.ModelInferRequest) error {
				_ = stream.Send(answer)
				return nil
			},
			broken: true,
		},
		"panicked": {
			handler: func(context.Context, func(), connect.ServerStream, *inference.ModelInferRequest) error {
				panic(http.ErrAbortHandler)
			},
		},
	} {
		for _, kind := range []connect.StreamType{connect.StreamTypeUnary, connect.StreamTypeServer} {
			for _, contentType := range []string{"application/grpc", "application/grpc-web+proto", "application/proto"} {
				if contentType == "application/proto" && kind != connect.StreamTypeUnary {
					continue
				}
				var held *inference.ModelInferRequest
				freed, early := 0, 0
				func() {
					defer func() { _ = recover() }() // of the panicking one
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					recorder := httptest.NewRecorder()
					var w http.ResponseWriter = recorder
					if test.broken {
						w = brokenWriter{recorder}
					}
					serve(ctx, t, w, kind, contentType, func(ctx context.Context, stream connect.ServerStream) error {
						held = receive(t, stream, 100_000)
						for range 2 {
							rpcfast.Lend(ctx, func() { freed++ })
						}
						err := test.handler(ctx, cancel, stream, held)
						early = freed
						return err
					}, script(t, "", 100_000))
					if name == "echoed" && !bytes.Contains(recorder.Body.Bytes(), pattern(100_000)) {
						t.Errorf("%s over %s: the answer is another", name, contentType)
					}
				}()
				if back := !isPattern(held, 100_000); back != test.back {
					t.Errorf("%s over %s, %v: given back is %v", name, contentType, kind, back)
				}
				if name == "copied" && !isPattern(stored, 100_000) {
					t.Errorf("%s over %s, %v: the copy has changed", name, contentType, kind)
				}
				want := 0
				if test.back {
					want = 2
				}
				if freed != want || early != 0 {
					t.Errorf("%s over %s, %v: of what was lent %d is freed, want %d; before the handler returned: %d", name, contentType, kind, freed, want, early)
				}
			}
		}
	}
}

// The slow path may read what it sends for longer.
func TestNothingIsLentOnTheSlowPath(t *testing.T) {
	free := func() { t.Error("it is freed") }
	rpcfast.Lend(t.Context(), free) // of no call
	answered := false
	serve(t.Context(), t, httptest.NewRecorder(), connect.StreamTypeUnary, "application/json; charset=utf-8", func(ctx context.Context, stream connect.ServerStream) error {
		rpcfast.Lend(ctx, free)
		answered = true
		if err := stream.Receive(&inference.ModelInferRequest{}); err != nil {
			return err
		}
		return stream.Send(&inference.ModelInferResponse{})
	}, []byte("{}"))
	if !answered {
		t.Error("the handler was not called")
	}
}

// An engine that is called when the context ends may read its inputs for longer than the
// handler runs. The race detector sees whether anyone writes there meanwhile.
func TestAbandonedWorkMayReadItsInputs(t *testing.T) {
	var left sync.WaitGroup
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		serve(ctx, t, httptest.NewRecorder(), connect.StreamTypeUnary, "application/grpc", func(ctx context.Context, stream connect.ServerStream) error {
			m := receive(t, stream, 100_000)
			returned := ctx.Done()
			left.Go(func() {
				<-returned
				for range 20 {
					if !isPattern(m, 100_000) {
						t.Error("the input has changed under the engine")
					}
					runtime.Gosched()
				}
			})
			<-ctx.Done()
			return ctx.Err()
		}, script(t, "", 100_000))
		cancel()
		serve(t.Context(), t, httptest.NewRecorder(), connect.StreamTypeUnary, "application/grpc", func(_ context.Context, stream connect.ServerStream) error {
			receive(t, stream, 100_001)
			return nil
		}, script(t, "", 100_001))
	}
	left.Wait()
}

func TestMessagesOfStreamsAreReleasedInAnyOrder(t *testing.T) {
	var all []*inference.ModelInferRequest
	var stored *inference.ModelInferRequest
	var messages [][]byte
	for i := range 6 {
		messages = append(messages, script(t, "", 50_000+i))
	}
	check := func(when string, back ...bool) {
		t.Helper()
		for i, m := range all {
			if got := !isPattern(m, 50_000+i); got != back[i] {
				t.Errorf("%s: message %d given back is %v", when, i, got)
			}
		}
	}
	var late context.Context
	serve(t.Context(), t, httptest.NewRecorder(), connect.StreamTypeBidi, "application/grpc", func(ctx context.Context, stream connect.ServerStream) error {
		late = ctx
		for i := range 6 {
			all = append(all, receive(t, stream, 50_000+i))
		}
		check("received", false, false, false, false, false, false)
		rpcfast.Release(ctx, all[4])
		rpcfast.Release(ctx, all[1])
		rpcfast.Release(ctx, all[1])
		check("two released", false, true, false, false, true, false)
		stored = proto.CloneOf(all[2])
		rpcfast.Release(ctx, all[2])
		return nil
	}, messages...)
	check("returned", false, true, true, false, true, false)
	if !isPattern(stored, 50_002) {
		t.Error("the copy of a released message has changed")
	}
	rpcfast.Release(late, all[0])
	check("released late", true, true, true, false, true, false)
	rpcfast.Release(t.Context(), all[3]) // of no call
	check("released elsewhere", true, true, true, false, true, false)
}

// A message that a handler reuses for the next Receive does not hold its first buffer any more,
// which others may own.
func TestMessagesCanBeReused(t *testing.T) {
	serve(t.Context(), t, httptest.NewRecorder(), connect.StreamTypeClient, "application/grpc", func(ctx context.Context, stream connect.ServerStream) error {
		m := receive(t, stream, 50_000)
		first := m.GetRawInputContents()[0]
		if err := stream.Receive(m); err != nil || len(m.GetRawInputContents()) != 0 {
			t.Errorf("%v, %v", m, err)
		}
		rpcfast.Release(ctx, m)
		if !bytes.Equal(first, pattern(50_000)) {
			t.Error("the first memory was given back")
		}
		return nil
	}, script(t, "", 50_000), script(t, "small", 0))
}

// A handler that never releases keeps only the messages alive that it refers to.
func TestDroppedMessagesAreCollected(t *testing.T) {
	const count = 100
	messages := make([][]byte, count)
	for i := range messages {
		messages[i] = script(t, "", 20_000)
	}
	serve(t.Context(), t, httptest.NewRecorder(), connect.StreamTypeClient, "application/grpc", func(_ context.Context, stream connect.ServerStream) error {
		var views []weak.Pointer[byte]
		for range count {
			views = append(views, weak.Make(&receive(t, stream, 20_000).GetRawInputContents()[0][0]))
		}
		runtime.GC()
		runtime.GC()
		alive := 0
		for _, view := range views {
			if view.Value() != nil {
				alive++
			}
		}
		if alive > 2 { // a register or a stack slot may still have the last
			t.Errorf("%d of %d messages are alive", alive, count)
		}
		return nil
	}, messages...)
}

// Two calls never get the same memory from the pool.
func TestReleaseTwiceIsOnce(t *testing.T) {
	serve(t.Context(), t, httptest.NewRecorder(), connect.StreamTypeBidi, "application/grpc", func(ctx context.Context, stream connect.ServerStream) error {
		m := receive(t, stream, 50_000)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { rpcfast.Release(ctx, m) })
		}
		group.Wait()
		return nil
	}, script(t, "", 50_000))
	seen := map[*byte]bool{}
	for range 16 {
		b := bufpool.Get(50_000)
		if seen[&b[0]] {
			t.Error("one buffer was got twice")
		}
		seen[&b[0]] = true
	}
}
