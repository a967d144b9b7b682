package main

import (
	"context"
	"errors"
	"io"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	conformance "github.com/tensorwire/tensorwire/internal/test/conformance/gen/connectrpc/conformance/v1"
	"github.com/tensorwire/tensorwire/internal/test/conformance/gen/connectrpc/conformance/v1/conformancev1connect"
)

// service responds as its requests define, and echoes them, by service.proto of
// connectrpc.com/conformance. It is safe for concurrent use.
type service struct {
	// Unimplemented is the only procedure that must not be implemented.
	conformancev1connect.UnimplementedConformanceServiceHandler
}

// Unary implements [conformancev1connect.ConformanceServiceHandler].
func (*service) Unary(ctx context.Context, request *conformance.UnaryRequest) (*conformance.UnaryResponse, error) {
	var seen echo
	if err := seen.add(request); err != nil {
		return nil, err
	}
	payload, err := seen.respondOnce(ctx, request.GetResponseDefinition())
	if err != nil {
		return nil, err
	}
	return &conformance.UnaryResponse{Payload: payload}, nil
}

// IdempotentUnary implements [conformancev1connect.ConformanceServiceHandler].
func (*service) IdempotentUnary(ctx context.Context, request *conformance.IdempotentUnaryRequest) (*conformance.IdempotentUnaryResponse, error) {
	var seen echo
	if err := seen.add(request); err != nil {
		return nil, err
	}
	payload, err := seen.respondOnce(ctx, request.GetResponseDefinition())
	if err != nil {
		return nil, err
	}
	return &conformance.IdempotentUnaryResponse{Payload: payload}, nil
}

// ClientStream implements [conformancev1connect.ConformanceServiceHandler]. The first
// request defines the response.
func (*service) ClientStream(ctx context.Context, stream conformancev1connect.ConformanceServiceClientStreamServerStream) (*conformance.ClientStreamResponse, error) {
	var (
		seen       echo
		definition *conformance.UnaryResponseDefinition
	)
	for {
		request, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(seen.requests) == 0 {
			definition = request.GetResponseDefinition()
		}
		if err := seen.add(request); err != nil {
			return nil, err
		}
	}
	payload, err := seen.respondOnce(ctx, definition)
	if err != nil {
		return nil, err
	}
	return &conformance.ClientStreamResponse{Payload: payload}, nil
}

// ServerStream implements [conformancev1connect.ConformanceServiceHandler].
func (*service) ServerStream(ctx context.Context, request *conformance.ServerStreamRequest, stream conformancev1connect.ConformanceServiceServerStreamServerStream) error {
	var seen echo
	if err := seen.add(request); err != nil {
		return err
	}
	responses := newResponses(ctx, request.GetResponseDefinition(), stream.SendHeaders, func(payload *conformance.ConformancePayload) error {
		return stream.Send(&conformance.ServerStreamResponse{Payload: payload})
	})
	if err := responses.begin(); err != nil {
		return err
	}
	return responses.finish(ctx, &seen)
}

// BidiStream implements [conformancev1connect.ConformanceServiceHandler]. In full duplex
// it responds to a request before it reads the next; otherwise it reads all first.
func (*service) BidiStream(ctx context.Context, stream conformancev1connect.ConformanceServiceBidiStreamServerStream) error {
	var (
		seen       echo
		responses  *responses
		fullDuplex bool
	)
	for {
		request, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := seen.add(request); err != nil {
			return err
		}
		if responses == nil {
			fullDuplex = request.GetFullDuplex()
			responses = newResponses(ctx, request.GetResponseDefinition(), stream.SendHeaders, func(payload *conformance.ConformancePayload) error {
				return stream.Send(&conformance.BidiStreamResponse{Payload: payload})
			})
			if err := responses.beginIf(fullDuplex); err != nil {
				return err
			}
		}
		if !fullDuplex {
			continue
		}
		if !responses.more() {
			break
		}
		if err := responses.next(ctx, &seen); err != nil {
			return err
		}
	}
	if responses == nil {
		return nil
	}
	if err := responses.beginIf(!fullDuplex); err != nil {
		return err
	}
	return responses.finish(ctx, &seen)
}

// echo holds the received requests that no response has echoed yet.
type echo struct{ requests []*anypb.Any }

// add copies a request, whose memory belongs to the call.
func (e *echo) add(request proto.Message) error {
	packed, err := anypb.New(request)
	if err != nil {
		return connect.NewError(connect.CodeInternal, err.Error())
	}
	e.requests = append(e.requests, packed)
	return nil
}
