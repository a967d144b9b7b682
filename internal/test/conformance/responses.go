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

// respondOnce returns the payload of a call with one response.
func (e *echo) respondOnce(ctx context.Context, definition *conformance.UnaryResponseDefinition) (*conformance.ConformancePayload, error) {
	setFields(ctx, definition.GetResponseHeaders(), definition.GetResponseTrailers())
	info := e.take(ctx, true)
	if err := wait(ctx, definition.GetResponseDelayMs()); err != nil {
		return nil, err
	}
	if requested := definition.GetError(); requested != nil {
		return nil, makeError(requested, info)
	}
	return &conformance.ConformancePayload{Data: definition.GetResponseData(), RequestInfo: info}, nil
}

// responses are the responses of a stream.
type responses struct {
	definition *conformance.StreamResponseDefinition
	headers    func() error
	send       func(*conformance.ConformancePayload) error
	sent       int
}

// newResponses returns the responses of definition, none if it is nil.
func newResponses(ctx context.Context, definition *conformance.StreamResponseDefinition, headers func() error, send func(*conformance.ConformancePayload) error) *responses {
	setFields(ctx, definition.GetResponseHeaders(), definition.GetResponseTrailers())
	return &responses{definition: definition, headers: headers, send: send}
}

// begin sends the headers immediately if there are responses, because the first one may
// be delayed.
func (r *responses) begin() error {
	if !r.more() {
		return nil
	}
	return r.headers()
}

func (r *responses) beginIf(now bool) error {
	if !now {
		return nil
	}
	return r.begin()
}

// more reports whether there are unsent responses.
func (r *responses) more() bool { return r.sent < len(r.definition.GetResponseData()) }

// next sends a response with the requests received since the previous one.
func (r *responses) next(ctx context.Context, seen *echo) error {
	if err := wait(ctx, r.definition.GetResponseDelayMs()); err != nil {
		return err
	}
	payload := &conformance.ConformancePayload{Data: r.definition.GetResponseData()[r.sent]}
	if r.sent == 0 || len(seen.requests) > 0 {
		payload.RequestInfo = seen.take(ctx, r.sent == 0)
	}
	r.sent++
	return r.send(payload)
}

// finish sends the remaining responses and returns the requested error.
func (r *responses) finish(ctx context.Context, seen *echo) error {
	for r.more() {
		if err := r.next(ctx, seen); err != nil {
			return err
		}
	}
	requested := r.definition.GetError()
	if requested == nil {
		return nil
	}
	if r.sent > 0 {
		return makeError(requested, nil)
	}
	return makeError(requested, seen.take(ctx, true))
}

// take returns the requests received since its last call. If first is set it adds the
// call's headers, deadline and query.
func (e *echo) take(ctx context.Context, first bool) *conformance.ConformancePayload_RequestInfo {
	info := &conformance.ConformancePayload_RequestInfo{Requests: e.requests}
	e.requests = nil
	if !first {
		return info
	}
	if call, ok := connect.CallInfoForServerContext(ctx); ok {
		for name, values := range call.RequestHeader().All() {
			info.RequestHeaders = append(info.RequestHeaders, &conformance.Header{Name: name, Value: values})
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		info.TimeoutMs = new(time.Until(deadline).Milliseconds())
	}
	if call, ok := connecthttp.ServerInfoForContext(ctx); ok {
		if query := call.HTTPGetQueryParams(); len(query) > 0 {
			info.ConnectGetInfo = &conformance.ConformancePayload_ConnectGetInfo{}
			for name, values := range query {
				info.ConnectGetInfo.QueryParams = append(info.ConnectGetInfo.QueryParams, &conformance.Header{Name: name, Value: values})
			}
		}
	}
	return info
}

// setFields sets the headers and trailers of the response.
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

// makeError returns the requested error. info, if any, becomes its last detail.
func makeError(requested *conformance.Error, info *conformance.ConformancePayload_RequestInfo) error {
	err := connect.NewError(connect.Code(requested.GetCode()), requested.GetMessage())
	details := requested.GetDetails()
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

// wait waits for the requested delay of a response.
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
