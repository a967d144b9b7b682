package rpcfast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
)

// errEnd is what Receive returns at the end of a stream, and errMarkedEnd where an envelope
// marks the end. Both are io.EOF to errors.Is; the client gets the texts if a handler returns
// them.
var (
	errEnd       = connect.NewError(connect.CodeUnknown, "EOF").WithCause(io.EOF)
	errMarkedEnd = connect.NewError(connect.CodeUnknown, "final message has protocol-specific flags: EOF").WithCause(io.EOF)
)

// asWireError returns the error that a client gets for a handler's error: only errors of connect
// have a text for clients.
func asWireError(err error) *connect.Error {
	if err == nil {
		return nil
	}
	if rpc, ok := errors.AsType[*connect.Error](err); ok && rpc != nil {
		if rpc.IsRemote() {
			return connect.NewError(connect.CodeInternal, "").WithCause(err)
		}
		return rpc
	}
	code := connect.CodeUnknown
	switch {
	case errors.Is(err, context.Canceled):
		code = connect.CodeCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		code = connect.CodeDeadlineExceeded
	}
	return connect.NewError(code, "").WithCause(err)
}

// transferError returns the error of reading a request or writing a response for the handler and
// the client: an error of connect as it is, else with the code of what ended the call, else with
// code and doing.
func transferError(ctx context.Context, err error, code connect.Code, doing string) error {
	if rpc, ok := errors.AsType[*connect.Error](err); ok && rpc != nil {
		return rpc
	}
	switch ended := ctx.Err(); {
	case errors.Is(err, context.Canceled), disconnected(err):
		code, doing = connect.CodeCanceled, ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		code, doing = connect.CodeDeadlineExceeded, ""
	case errors.Is(ended, context.Canceled):
		code, doing = connect.CodeCanceled, ""
	case errors.Is(ended, context.DeadlineExceeded):
		code, doing = connect.CodeDeadlineExceeded, ""
	}
	return connect.NewError(code, doing+err.Error()).WithCause(err)
}

// disconnected reports whether a transfer failed because the client disconnected. net/http's
// HTTP/2 has unexported errors for that.
func disconnected(err error) bool {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return true
	}
	text := err.Error()
	return text == "client disconnected" || text == "http2: stream closed"
}

// overReader returns the error of an http.MaxBytesReader, or nil. Its text begins with doing.
func overReader(err error, doing string, args ...any) error {
	if over, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return connect.Errorf(connect.CodeResourceExhausted, doing+": exceeded %d byte http.MaxBytesReader limit", append(args, over.Limit)...)
	}
	return nil
}

func notAMessage(msg any) error {
	return fmt.Errorf("%w: got %T", connectproto.ErrNotProtoMessage, msg)
}

func malformed(err error) error {
	return connect.Errorf(connect.CodeInvalidArgument, "unmarshal message: %s", err).WithCause(err)
}

// unencodable returns the error of a response that cannot be encoded; that of its memory as it is.
func unencodable(err error) error {
	if rpc, ok := errors.AsType[*connect.Error](err); ok {
		return rpc
	}
	return connect.Errorf(connect.CodeInternal, "marshal message: %s", err).WithCause(err)
}
