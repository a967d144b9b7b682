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

// errEnd is what Receive returns at the end of a stream, and errMarkedEnd where an
// envelope says that it is the end. Both are io.EOF to errors.Is; the texts are for the
// caller, where a handler returns them.
var (
	errEnd       = connect.NewError(connect.CodeUnknown, "EOF").WithCause(io.EOF)
	errMarkedEnd = connect.NewError(connect.CodeUnknown, "final message has protocol-specific flags: EOF").WithCause(io.EOF)
)

// asWireError returns what a caller may see of a handler's error: only errors made for
// callers have a text.
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

// transferError returns the error of reading a request or writing an answer as the
// handler, and the caller if it is still there, are to see it: one that is coded as it
// is, else by what has ended the call, else with code and doing.
func transferError(ctx context.Context, err error, code connect.Code, doing string) error {
	if rpc, ok := errors.AsType[*connect.Error](err); ok && rpc != nil {
		return rpc
	}
	switch ended := ctx.Err(); {
	case errors.Is(err, context.Canceled), hasLeft(err):
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

// hasLeft reports whether a transfer failed because the caller has gone. net/http's
// HTTP/2 has errors of its own for that, which it does not export.
func hasLeft(err error) bool {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return true
	}
	text := err.Error()
	return text == "client disconnected" || text == "http2: stream closed"
}

// overReader returns the error of an http.MaxBytesReader that was reading doing, or nil.
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

func unencodable(err error) error {
	return connect.Errorf(connect.CodeInternal, "marshal message: %s", err).WithCause(err)
}
