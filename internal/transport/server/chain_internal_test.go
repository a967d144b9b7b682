package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

type tiny struct {
	modelservingconnect.UnimplementedPredictorHandler
}

func (tiny) FastPredict(context.Context, *modelserving.FastInferenceRequest) (*modelserving.InferenceResponse, error) {
	return &modelserving.InferenceResponse{}, nil
}

// discarding is a ResponseWriter like HTTP/2's, without a network.
type discarding struct{ header http.Header }

func (w *discarding) Header() http.Header             { return w.header }
func (w *discarding) Write(p []byte) (int, error)     { return len(p), nil }
func (w *discarding) WriteHeader(int)                 {}
func (w *discarding) Flush()                          {}
func (w *discarding) SetReadDeadline(time.Time) error { return nil }

// BenchmarkChain is a tiny unary gRPC call through the chain of middleware, the codec and
// the interceptors.
func BenchmarkChain(b *testing.B) {
	handler := benchmarkHandler(b)
	message, err := proto.Marshal(&modelserving.FastInferenceRequest{ModelName: "m", RawImage: make([]byte, 16)})
	if err != nil {
		b.Fatal(err)
	}
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://localhost/modelserving.Predictor/FastPredict", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Proto, request.ProtoMajor, request.ProtoMinor = "HTTP/2.0", 2, 0
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	b.ReportAllocs()
	for b.Loop() {
		r := *request
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(&discarding{header: make(http.Header, 8)}, &r)
	}
}

func benchmarkHandler(b *testing.B) http.Handler {
	b.Helper()
	lifecycle, options := &telemetry.Lifecycle{}, Options{Budget: admission.New(1 << 30), Logger: slog.New(slog.DiscardHandler)}
	routes := RPC(options, func(rpc *connect.Server) { modelservingconnect.RegisterPredictorHandler(rpc, tiny{}) })
	s, err := New(lifecycle, options, Endpoint{Name: "api", Routes: routes})
	if err != nil {
		b.Fatal(err)
	}
	return s.Handler("api")
}
