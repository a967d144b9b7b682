package rpcfast_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
)

// service answers with the raw contents that it was sent, from where they are. The model's name says what
// else it does.
type service struct {
	inferenceconnect.GRPCInferenceServiceHandler
	t *testing.T
}

func (s *service) ModelInfer(ctx context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	call, _ := connect.CallInfoForServerContext(ctx)
	res := &inference.ModelInferResponse{Id: req.GetId(), ModelName: call.Protocol + " " + call.Codec + " " + call.RequestHeader().Get("X-Test")}
	call.ResponseHeader().Set("X-Answer", "header")
	call.ResponseTrailer().Set("X-End", "trailer")
	res.RawOutputContents = req.GetRawInputContents()
	switch req.GetModelName() {
	case "fail":
		detail, err := connectproto.NewErrorDetail(durationpb.New(time.Second))
		if err != nil {
			s.t.Error(err)
		}
		return nil, connect.NewError(connect.CodeUnavailable, "wait 10 % – é\n").WithDetail(detail)
	case "secret":
		return nil, errors.New("a secret")
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	case "deadline":
		deadline, ok := ctx.Deadline()
		res.Id = fmt.Sprint(ok && time.Until(deadline) > time.Minute)
	}
	return res, nil
}

func (s *service) ModelStreamInfer(ctx context.Context, stream inferenceconnect.GRPCInferenceServiceModelStreamInferServerStream) error {
	for {
		req, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		res, err := s.ModelInfer(ctx, req)
		if err != nil {
			return err
		}
		if err := stream.Send(&inference.ModelStreamInferResponse{InferResponse: res}); err != nil {
			return err
		}
		rpcfast.Release(ctx, req)
	}
}

// transport is a way to call.
type transport struct {
	name  string
	http2 bool
	proto []connecthttp.Option
}

var transports = []transport{
	{"gRPC", true, []connecthttp.Option{connecthttp.WithGRPC()}},
	{"gRPC-Web over HTTP/2", true, []connecthttp.Option{connecthttp.WithGRPCWeb()}},
	{"gRPC-Web over HTTP/1.1", false, []connecthttp.Option{connecthttp.WithGRPCWeb()}},
	{"Connect over HTTP/2", true, nil},
	{"Connect over HTTP/1.1", false, nil},
	{"Connect with JSON", true, []connecthttp.Option{connecthttp.WithProtoJSON()}},
	{"gRPC with gzip", true, []connecthttp.Option{connecthttp.WithGRPC(), connecthttp.WithSendGzip()}},
}

func start(t *testing.T) (*service, string) {
	t.Helper()
	s := &service{t: t}
	server := connect.NewServer()
	inferenceconnect.RegisterGRPCInferenceServiceHandler(server, s)
	mux := http.NewServeMux()
	rpcfast.Mount(mux, server, rpcfast.Options{MaxMessageBytes: 8 << 20, CompressMinBytes: 1024})
	return s, serveHTTP(t, mux, true)
}

func (w transport) client(t *testing.T, url string) inferenceconnect.GRPCInferenceServiceClient {
	t.Helper()
	transport := dial(t, w.http2)
	return inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(connecthttp.NewTransport(&http.Client{Transport: transport}, url, append(w.proto, connecthttp.WithReadMaxBytes(64<<20))...)))
}

// each runs test over every transport.
func each(t *testing.T, test func(t *testing.T, w transport, client inferenceconnect.GRPCInferenceServiceClient)) {
	t.Helper()
	_, url := start(t)
	for _, w := range transports {
		t.Run(w.name, func(t *testing.T) { test(t, w, w.client(t, url)) })
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31 + i/256)
	}
	return b
}

func TestMessagesOfEverySize(t *testing.T) {
	each(t, func(t *testing.T, w transport, client inferenceconnect.GRPCInferenceServiceClient) {
		var group sync.WaitGroup
		for _, n := range []int{0, 1, 4095, 4096, 16 << 10, 100_000, 602_112, 3 << 20} {
			group.Go(func() {
				ctx, info := connect.NewClientContext(t.Context())
				info.RequestHeader().Set("X-Test", "seen")
				raw := [][]byte{pattern(n), []byte("small"), pattern(n / 2)}
				res, err := client.ModelInfer(ctx, &inference.ModelInferRequest{ModelName: "m", Id: fmt.Sprint(n), RawInputContents: raw})
				if err != nil {
					t.Errorf("%d bytes: %v", n, err)
					return
				}
				if res.GetId() != fmt.Sprint(n) || len(res.GetRawOutputContents()) != 3 || !strings.HasSuffix(res.GetModelName(), "seen") {
					t.Errorf("%d bytes: %q, %q", n, res.GetId(), res.GetModelName())
				}
				for i, got := range res.GetRawOutputContents() {
					if !bytes.Equal(got, raw[i]) {
						t.Errorf("%d bytes: part %d came back otherwise", n, i)
					}
				}
				if info.ResponseHeader().Get("X-Answer") != "header" || info.ResponseTrailer().Get("X-End") != "trailer" {
					t.Errorf("%d bytes: metadata is lost", n)
				}
			})
		}
		group.Wait()
	})
}

func TestErrors(t *testing.T) {
	each(t, func(t *testing.T, w transport, client inferenceconnect.GRPCInferenceServiceClient) {
		_, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: "fail", RawInputContents: [][]byte{pattern(100_000)}})
		rpcErr, ok := errors.AsType[*connect.Error](err)
		if !ok || rpcErr.Code() != connect.CodeUnavailable || rpcErr.Message() != "wait 10 % – é\n" || len(rpcErr.Details()) != 1 {
			t.Errorf("error %v", err)
		} else if value, err := connectproto.UnmarshalErrorDetail(rpcErr.Details()[0]); err != nil || value.(*durationpb.Duration).AsDuration() != time.Second {
			t.Errorf("detail %v, %v", value, err)
		}
		if _, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: "secret"}); connect.CodeOf(err) != connect.CodeUnknown || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v", err)
		}
		if _, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{RawInputContents: [][]byte{make([]byte, 9<<20)}}); connect.CodeOf(err) != connect.CodeResourceExhausted {
			t.Errorf("error %v", err)
		}
		if _, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: "m"}); err != nil {
			t.Errorf("it does not keep serving: %v", err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	each(t, func(t *testing.T, w transport, client inferenceconnect.GRPCInferenceServiceClient) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if res, err := client.ModelInfer(ctx, &inference.ModelInferRequest{ModelName: "deadline"}); err != nil || res.GetId() != "true" {
			t.Errorf("%v, %v", res.GetId(), err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := client.ModelInfer(ctx, &inference.ModelInferRequest{ModelName: "slow"}); connect.CodeOf(err) != connect.CodeDeadlineExceeded {
			t.Errorf("error %v", err)
		}
	})
}

func TestStreams(t *testing.T) {
	each(t, func(t *testing.T, w transport, client inferenceconnect.GRPCInferenceServiceClient) {
		if !w.http2 {
			t.Skip("streams of both ways need HTTP/2")
		}
		stream, err := client.ModelStreamInfer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		for i := range 20 {
			raw := pattern(i * 50_000)
			if err := stream.Send(&inference.ModelInferRequest{Id: fmt.Sprint(i), RawInputContents: [][]byte{raw}}); err != nil {
				t.Fatal(err)
			}
			res, err := stream.Receive()
			if err != nil || res.GetInferResponse().GetId() != fmt.Sprint(i) || !bytes.Equal(res.GetInferResponse().GetRawOutputContents()[0], raw) {
				t.Fatalf("message %d: %v, %v", i, res.GetInferResponse().GetId(), err)
			}
		}
		if err := stream.Send(&inference.ModelInferRequest{ModelName: "fail"}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeUnavailable {
			t.Errorf("error %v", err)
		}
	})
}
