package rpcfast_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

const (
	sameLimit    = 40_000 // bytes of a message
	sameCompress = 500
)

// side is a server of the procedures /test.S/Unary, Client, Server and Bidi, and what its
// handlers have seen.
type side struct {
	handler http.Handler
	seen    []string
	// raw says that the last answer isRaw.
	raw bool
}

// sides are connecthttp's own handlers, and the fast path in front of them.
type sides struct{ theirs, ours *side }

func bothSides() *sides {
	theirs, ours := &side{}, &side{}
	mux := http.NewServeMux()
	connecthttp.Mount(mux, theirs.server(), connecthttp.WithReadMaxBytes(sameLimit), connecthttp.WithCompressMinBytes(sameCompress),
		connecthttp.WithCompressors(wire.NewGzip(gzip.DefaultCompression))) // errors of gzip name their package
	theirs.handler = mux
	mux = http.NewServeMux()
	rpcfast.Mount(mux, ours.server(), rpcfast.Options{MaxMessageBytes: sameLimit, CompressMinBytes: sameCompress})
	ours.handler = mux
	return &sides{theirs, ours}
}

func (s *side) server() *connect.Server {
	server := connect.NewServer(func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			err := next(ctx, spec, stream)
			info, _ := connect.CallInfoForServerContext(ctx)
			if s.raw {
				info.SendStats.CompressedSize = 0
			}
			s.see("received %v, sent %v", info.ReceiveStats, info.SendStats)
			info.ResponseTrailer().Set("X-Late", "of an interceptor")
			return err
		}
	})
	for name, kind := range map[string]connect.StreamType{
		"Unary": connect.StreamTypeUnary, "Client": connect.StreamTypeClient, "Server": connect.StreamTypeServer, "Bidi": connect.StreamTypeBidi,
	} {
		server.Register(connect.Method{Spec: connect.Spec{StreamType: kind, Procedure: "/test.S/" + name}, Handler: s.handle})
	}
	return server
}

func (s *side) see(format string, args ...any) { s.seen = append(s.seen, fmt.Sprintf(format, args...)) }

// handle does what the first message's name says, a letter at a time.
func (s *side) handle(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
	info, _ := connect.CallInfoForServerContext(ctx)
	header := maps.Collect(info.RequestHeader().All())
	s.see("%v %s %q %s %s %s %s", spec.StreamType, info.Spec.Procedure, info.PeerAddr, info.Protocol, info.Codec, info.RequestEncoding, info.ResponseEncoding)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		s.see("%s: %q", name, header[name])
	}
	if deadline, ok := ctx.Deadline(); ok {
		s.see("deadline in %v", time.Until(deadline).Round(time.Minute))
	}
	receive := func() (*inference.ModelInferRequest, error) {
		m := &inference.ModelInferRequest{}
		err := stream.Receive(m)
		s.see("received %v, %v, end %v", prototext.Format(m), err, errors.Is(err, io.EOF))
		return m, err
	}
	m, err := receive()
	if err != nil {
		return err
	}
	sent := false
	send := func(msg any) {
		if sent && spec.StreamType == connect.StreamTypeUnary {
			return
		}
		sent = true
		if m, ok := msg.(proto.Message); ok {
			if data, err := proto.Marshal(m); err == nil {
				s.raw = isRaw(data)
			}
		}
		err := stream.Send(msg)
		s.see("sent: %v, %v", err, connect.CodeOf(err))
	}
	for _, letter := range m.GetModelName() {
		switch letter {
		case 'h':
			info.ResponseHeader().Add("X-Two", "a")
			info.ResponseHeader().Add("X-Two", "b")
			info.ResponseHeader().Set("X-Data-Bin", connect.EncodeBinaryHeader([]byte{0, 1, 255}))
		case 'g':
			info.ResponseHeader().Set("Content-Type", "text/plain")
			info.ResponseHeader().Set("Grpc-Status", "5")
		case 't':
			info.ResponseTrailer().Add("X-End", "a")
			info.ResponseTrailer().Add("X-End", "b")
			info.ResponseTrailer().Set("Grpc-Message", "forged")
		case 'u':
			info.ResponseTrailer().Set("X-Lines", "one\r\ngrpc-status: 0")
		case 's':
			send(&inference.ModelInferResponse{Id: m.GetId(), RawOutputContents: m.GetRawInputContents()})
		case 'S':
			send(&inference.ModelInferResponse{Id: "large", RawOutputContents: [][]byte{pattern(20_000), []byte("small"), pattern(30_000)}})
		case 'M':
			send(&inference.ModelInferResponse{Id: strings.Repeat("text ", 400)})
		case '0':
			send(&inference.ModelInferResponse{})
		case 'x':
			send(&inference.ModelInferResponse{Id: "\xff"})
		case 'n':
			send("no message")
		case 'H':
			s.see("headers: %v", stream.SendHeaders())
		case 'r':
			_, err = receive()
		case 'R':
			for err == nil {
				_, err = receive()
			}
		case 'm':
			err = stream.Receive("no message")
			s.see("received %v", err)
		case 'e':
			return err
		case 'f':
			detail, err := connectproto.NewErrorDetail(durationpb.New(time.Second))
			return errors.Join(err, connect.NewError(connect.CodeUnavailable, "wait 10 % – é\n\x00").WithDetail(detail).WithDetail(&connect.ErrorDetail{Type: "example.com/x.Y", Value: []byte{1}}))
		case 'b':
			return connect.NewError(connect.CodeAborted, "bad detail").WithDetail(&connect.ErrorDetail{Type: "\xff"})
		case 'o':
			return connect.NewError(connect.CodeNotFound, "of another server").WithRemote()
		case 'p':
			return errors.New("a secret")
		case 'c':
			return fmt.Errorf("wrapped: %w", context.Canceled)
		case 'd':
			return context.DeadlineExceeded
		case 'z':
			return connect.NewError(0, "")
		}
	}
	return nil
}
