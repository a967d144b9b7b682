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

// The engine copies a tensor that does not lie aligned. Where in a message it lies follows
// from names and identifiers before it: a caller's next message is read so that it fits,
// and its memory goes back like any other.
func TestTensorsLieAlignedFromTheSecondMessageOn(t *testing.T) {
	var places [8]bool // that the first messages had
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
						places[at] = true
					} else if at != 0 {
						t.Errorf("name %q over %s: message %d lies %d bytes off", name, contentType, len(held), at)
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
					t.Errorf("name %q over %s: the memory of message %d has not gone back", name, contentType, i)
				}
			}
			if len(held) != 3 {
				t.Errorf("%d messages", len(held))
			}
		}
	}
	for at, had := range places {
		if !had {
			t.Errorf("no first message lies %d bytes off: the test is none", at)
		}
	}
}

// Messages of streams are released one by one, wherever they lie.
func TestAlignedMessagesOfStreamsGoBack(t *testing.T) {
	message := script(t, "odd", 50_000)
	serve(t.Context(), t, httptest.NewRecorder(), connect.StreamTypeBidi, "application/grpc", func(ctx context.Context, stream connect.ServerStream) error {
		for range 3 {
			m := receive(t, stream, 50_000)
			rpcfast.Release(ctx, m)
			if isPattern(m, 50_000) {
				t.Error("the memory has not gone back")
			}
		}
		return nil
	}, message, message, message)
}
