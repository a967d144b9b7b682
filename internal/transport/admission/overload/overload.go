// Package overload has the overload error, which carries the time after which to retry, and
// writes that time into the metadata of each protocol.
package overload

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// Unavailable returns the overload error, which asks the client to retry after wait. The client
// gets text as its message.
func Unavailable(wait time.Duration, text string) *connect.Error {
	err := connect.NewError(connect.CodeUnavailable, text)
	detail, failed := connectproto.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(whole(wait))})
	if failed != nil {
		return err.WithCause(failed) // the error goes out without the time to retry
	}
	return err.WithDetail(detail)
}

// RetryAfter returns the wait before a retry that an error, or one that it wraps, asks for: whole
// seconds, at least one. Errors of [Unavailable] have one, and errors with a method RetryAfter()
// time.Duration.
func RetryAfter(err error) (wait time.Duration, ok bool) {
	if later, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err); ok {
		return whole(later.RetryAfter()), true
	}
	rpc, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return 0, false
	}
	for _, detail := range rpc.Details() {
		message, err := connectproto.UnmarshalErrorDetail(detail)
		if info, ok := message.(*errdetails.RetryInfo); ok && err == nil {
			return whole(info.GetRetryDelay().AsDuration()), true
		}
	}
	return 0, false
}

// SetRetryAfter sets the header field Retry-After of a response to the wait that err asks for, if
// it does.
func SetRetryAfter(header http.Header, err error) {
	if wait, ok := RetryAfter(err); ok {
		header.Set(wire.HeaderRetryAfter, seconds(wait))
	}
}

// Interceptor adds the wait that the error of an RPC asks for to the response's metadata: to
// the HTTP header of Connect's unary calls, else to the trailers. A stream's headers may have been
// sent, and gRPC clients retry transparently only if nothing but trailers was sent. In gRPC-Web
// these trailers are HTTP headers.
func Interceptor() connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			err := next(ctx, spec, stream)
			if err == nil {
				return nil
			}
			if info, ok := connect.CallInfoForServerContext(ctx); ok {
				setMetadata(info, spec, err)
			}
			return err
		}
	}
}

func setMetadata(info *connect.CallInfo, spec connect.Spec, err error) {
	wait, ok := RetryAfter(err)
	switch {
	case !ok:
	case info.Protocol != connect.ProtocolNameConnect:
		info.ResponseTrailer().Set(wire.HeaderRetryAfter, seconds(wait))
		info.ResponseTrailer().Set(wire.HeaderRetryPushback, strconv.FormatInt(wait.Milliseconds(), 10))
	case spec.StreamType == connect.StreamTypeUnary:
		info.ResponseHeader().Set(wire.HeaderRetryAfter, seconds(wait))
	default:
		info.ResponseTrailer().Set(wire.HeaderRetryAfter, seconds(wait))
	}
}

// whole returns wait in whole seconds, rounded up, at least one: the header has no smaller unit,
// and all forms have the same value.
func whole(wait time.Duration) time.Duration {
	wait = min(wait, math.MaxInt64-time.Second) // so that rounding up stays in range
	return max(1, (wait-1)/time.Second+1) * time.Second
}

func seconds(wait time.Duration) string { return strconv.FormatInt(int64(wait/time.Second), 10) }
