package main

import (
	"context"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/types/known/anypb"

	conformance "github.com/tensorwire/tensorwire/internal/test/conformance/gen/connectrpc/conformance/v1"
)

// answerOnce returns what a call with one answer is answered with.
func (e *echo) answerOnce(ctx context.Context, definition *conformance.UnaryResponseDefinition) (*conformance.ConformancePayload, error) {
	setFields(ctx, definition.GetResponseHeaders(), definition.GetResponseTrailers())
	info := e.take(ctx, true)
	if err := wait(ctx, definition.GetResponseDelayMs()); err != nil {
		return nil, err
	}
	if asked := definition.GetError(); asked != nil {
		return nil, makeError(asked, info)
	}
	return &conformance.ConformancePayload{Data: definition.GetResponseData(), RequestInfo: info}, nil
}

// answers are a stream's, of which some may have been sent.
type answers struct {
	definition *conformance.StreamResponseDefinition
	headers    func() error
	send       func(*conformance.ConformancePayload) error
	sent       int
}

// newAnswers returns the answers that definition asks for. A definition that is nil asks
// for none.
func newAnswers(ctx context.Context, definition *conformance.StreamResponseDefinition, headers func() error, send func(*conformance.ConformancePayload) error) *answers {
	setFields(ctx, definition.GetResponseHeaders(), definition.GetResponseTrailers())
	return &answers{definition: definition, headers: headers, send: send}
}

// begin sends the headers at once, where an answer follows: the first may be delayed.
func (a *answers) begin() error {
	if !a.more() {
		return nil
	}
	return a.headers()
}

func (a *answers) beginIf(now bool) error {
	if !now {
		return nil
	}
	return a.begin()
}

// more reports whether there are answers that have not been sent.
func (a *answers) more() bool { return a.sent < len(a.definition.GetResponseData()) }

// next sends an answer, with what has been received since the one before.
func (a *answers) next(ctx context.Context, seen *echo) error {
	if err := wait(ctx, a.definition.GetResponseDelayMs()); err != nil {
		return err
	}
	payload := &conformance.ConformancePayload{Data: a.definition.GetResponseData()[a.sent]}
	if a.sent == 0 || len(seen.requests) > 0 {
		payload.RequestInfo = seen.take(ctx, a.sent == 0)
	}
	a.sent++
	return a.send(payload)
}

// finish sends the answers that are left, and returns the error that was asked for.
func (a *answers) finish(ctx context.Context, seen *echo) error {
	for a.more() {
		if err := a.next(ctx, seen); err != nil {
			return err
		}
	}
	asked := a.definition.GetError()
	if asked == nil {
		return nil
	}
	if a.sent > 0 {
		return makeError(asked, nil)
	}
	return makeError(asked, seen.take(ctx, true))
}

// take returns what was received since it was called last; with it, where it is the first
// time, the call's headers, deadline and query.
func (e *echo) take(ctx context.Context, first bool) *conformance.ConformancePayload_RequestInfo {
	taken := &conformance.ConformancePayload_RequestInfo{Requests: e.requests}
	e.requests = nil
	if !first {
		return taken
	}
	if call, ok := connect.CallInfoForServerContext(ctx); ok {
		for name, values := range call.RequestHeader().All() {
			taken.RequestHeaders = append(taken.RequestHeaders, &conformance.Header{Name: name, Value: values})
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		taken.TimeoutMs = new(time.Until(deadline).Milliseconds())
	}
	if call, ok := connecthttp.ServerInfoForContext(ctx); ok {
		if query := call.HTTPGetQueryParams(); len(query) > 0 {
			taken.ConnectGetInfo = &conformance.ConformancePayload_ConnectGetInfo{}
			for name, values := range query {
				taken.ConnectGetInfo.QueryParams = append(taken.ConnectGetInfo.QueryParams, &conformance.Header{Name: name, Value: values})
			}
		}
	}
	return taken
}

// setFields sets the headers and trailers of the answer.
func setFields(ctx context.Context, headers, trailers []*conformance.Header) {
	call, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return
	}
	for _, field := range headers {
		for _, value := range field.GetValue() {
			call.ResponseHeader().Add(field.GetName(), value)
		}
	}
	for _, field := range trailers {
		for _, value := range field.GetValue() {
			call.ResponseTrailer().Add(field.GetName(), value)
		}
	}
}

// makeError makes the error that was asked for. info, if any, is the last of its details.
func makeError(asked *conformance.Error, info *conformance.ConformancePayload_RequestInfo) error {
	err := connect.NewError(connect.Code(asked.GetCode()), asked.GetMessage())
	details := asked.GetDetails()
	if info != nil {
		packed, fault := anypb.New(info)
		if fault != nil {
			return connect.NewError(connect.CodeInternal, fault.Error())
		}
		details = append(details, packed)
	}
	for _, packed := range details {
		detail, fault := connectproto.NewErrorDetail(packed)
		if fault != nil {
			return connect.NewError(connect.CodeInternal, fault.Error())
		}
		err = err.WithDetail(detail)
	}
	return err
}

// wait waits before an answer as long as was asked for.
func wait(ctx context.Context, milliseconds uint32) error {
	if milliseconds == 0 {
		return nil
	}
	select {
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
