package rpcfast_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
)

// discard is a ResponseWriter whose response nobody reads.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) Flush()                      {}

// BenchmarkCall is a unary call over gRPC that returns its tensor, without a network.
func BenchmarkCall(b *testing.B) {
	for _, size := range []int{16, 602_112} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			server := connect.NewServer()
			server.Register(connect.Method{
				Spec: connect.Spec{StreamType: connect.StreamTypeUnary, Procedure: "/test.S/Unary"},
				Handler: func(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
					m := &inference.ModelInferRequest{}
					if err := stream.Receive(m); err != nil {
						return err
					}
					return stream.Send(&inference.ModelInferResponse{ModelName: m.GetModelName(), RawOutputContents: m.GetRawInputContents()})
				},
			})
			mux := http.NewServeMux()
			rpcfast.Mount(mux, server, rpcfast.Options{})
			message, err := proto.Marshal(&inference.ModelInferRequest{
				ModelName: "model", Id: "request",
				Inputs: []*inference.ModelInferRequest_InferInputTensor{{
					Name: "input", Datatype: "FP32", Shape: []int64{1, int64(size / 4)},
				}},
				Outputs:          []*inference.ModelInferRequest_InferRequestedOutputTensor{{Name: "output"}},
				RawInputContents: [][]byte{make([]byte, size)},
			})
			if err != nil {
				b.Fatal(err)
			}
			enveloped := envelope(0, message)
			body := bytes.NewReader(enveloped)
			r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/test.S/Unary", io.NopCloser(body))
			r.ProtoMajor = 2
			r.Header.Set("Content-Type", "application/grpc")
			w := &discard{header: http.Header{}}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				body.Reset(enveloped)
				mux.ServeHTTP(w, r)
			}
		})
	}
}
