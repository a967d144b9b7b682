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

// service answers as its requests tell it to, and echoes what it received, as service.proto
// of connectrpc.com/conformance says. It is safe for concurrent use.
type service struct {
	// Unimplemented is the one procedure that must not be there.
	conformancev1connect.UnimplementedConformanceServiceHandler
}

// Unary implements [conformancev1connect.ConformanceServiceHandler].
func (*service) Unary(ctx context.Context, request *conformance.UnaryRequest) (*conformance.UnaryResponse, error) {
	var seen echo
	if err := seen.add(request); err != nil {
		return nil, err
	}
	payload, err := seen.answerOnce(ctx, request.GetResponseDefinition())
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
	payload, err := seen.answerOnce(ctx, request.GetResponseDefinition())
	if err != nil {
		return nil, err
	}
	return &conformance.IdempotentUnaryResponse{Payload: payload}, nil
}

// ClientStream implements [conformancev1connect.ConformanceServiceHandler]. The first
// request says how all of them are answered.
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
	payload, err := seen.answerOnce(ctx, definition)
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
	answers := newAnswers(ctx, request.GetResponseDefinition(), stream.SendHeaders, func(payload *conformance.ConformancePayload) error {
		return stream.Send(&conformance.ServerStreamResponse{Payload: payload})
	})
	if err := answers.begin(); err != nil {
		return err
	}
	return answers.finish(ctx, &seen)
}

// BidiStream implements [conformancev1connect.ConformanceServiceHandler]. In full duplex,
// a request is answered before the next is read; else all are read first.
func (*service) BidiStream(ctx context.Context, stream conformancev1connect.ConformanceServiceBidiStreamServerStream) error {
	var (
		seen       echo
		answers    *answers
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
		if answers == nil {
			fullDuplex = request.GetFullDuplex()
			answers = newAnswers(ctx, request.GetResponseDefinition(), stream.SendHeaders, func(payload *conformance.ConformancePayload) error {
				return stream.Send(&conformance.BidiStreamResponse{Payload: payload})
			})
			if err := answers.beginIf(fullDuplex); err != nil {
				return err
			}
		}
		if !fullDuplex {
			continue
		}
		if !answers.more() {
			break
		}
		if err := answers.next(ctx, &seen); err != nil {
			return err
		}
	}
	if answers == nil {
		return nil
	}
	if err := answers.beginIf(!fullDuplex); err != nil {
		return err
	}
	return answers.finish(ctx, &seen)
}

// echo is what a call has received and not told yet.
type echo struct{ requests []*anypb.Any }

// add takes a copy of a request, whose memory is the call's.
func (e *echo) add(request proto.Message) error {
	packed, err := anypb.New(request)
	if err != nil {
		return connect.NewError(connect.CodeInternal, err.Error())
	}
	e.requests = append(e.requests, packed)
	return nil
}
