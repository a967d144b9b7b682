package rpcfast_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"unsafe"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
)

// The engine copies an unaligned tensor. A tensor's position in a message depends on the names
// and identifiers before it: a client's next message is read to a matching address, and its memory
// returns to the pool like any other.
func TestTensorsAreAlignedFromTheSecondMessageOn(t *testing.T) {
	var offsets [8]bool // that the first messages had
	for _, contentType := range []string{"application/grpc", "application/grpc-web+proto", "application/proto"} {
		for name := ""; len(name) < 10; name += "n" {
			server := connect.NewServer()
			var held []*inference.ModelInferRequest
			server.Register(connect.Method{
				Spec: connect.Spec{StreamType: connect.StreamTypeUnary, Procedure: "/test.S/Call"},
				Handler: func(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
					m := receive(t, stream, 50_000)
					at := uintptr(unsafe.Pointer(unsafe.SliceData(m.GetRawInputContents()[0]))) % 8
					if len(held) == 0 {
						offsets[at] = true
					} else if at != 0 {
						t.Errorf("name %q over %s: message %d is %d bytes off", name, contentType, len(held), at)
					}
					held = append(held, m)
					return stream.Send(&inference.ModelInferResponse{})
				},
			})
			mux := http.NewServeMux()
			rpcfast.Mount(mux, server, rpcfast.Options{})
			message := script(t, name, 50_000)
			if isEnveloped(contentType) {
				message = envelope(0, message)
			}
			for range 3 {
				q := request{procedure: "Call", method: http.MethodPost, header: map[string]string{"Content-Type": contentType}, major: 2, body: message, sized: true}
				mux.ServeHTTP(httptest.NewRecorder(), q.build(t.Context()))
			}
			for i, m := range held {
				if isPattern(m, 50_000) {
					t.Errorf("name %q over %s: the memory of message %d has not returned to the pool", name, contentType, i)
				}
			}
			if len(held) != 3 {
				t.Errorf("%d messages", len(held))
			}
		}
	}
	for at, had := range offsets {
		if !had {
			t.Errorf("no first message is %d bytes off: the test proves nothing", at)
		}
	}
}

// Messages of streams are released one by one, at every alignment.
func TestAlignedMessagesOfStreamsReturnToThePool(t *testing.T) {
	message := script(t, "odd", 50_000)
	serve(t.Context(), t, httptest.NewRecorder(), connect.StreamTypeBidi, "application/grpc", func(ctx context.Context, stream connect.ServerStream) error {
		for range 3 {
			m := receive(t, stream, 50_000)
			rpcfast.Release(ctx, m)
			if isPattern(m, 50_000) {
				t.Error("the memory has not returned to the pool")
			}
		}
		return nil
	}, message, message, message)
}
