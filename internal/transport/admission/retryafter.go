package admission

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
)

// RetryAfterHeader is HTTP's own name of the wait, in whole seconds (RFC 9110, section 10.2.3).
const RetryAfterHeader = "Retry-After"

// pushbackKey is what gRPC's clients read when they retry by themselves, in
// milliseconds (gRPC's proposal A6, "Pushback").
const pushbackKey = "Grpc-Retry-Pushback-Ms"

// Unavailable returns an error that tells the caller to come again after wait. It has
// text as its message, which goes to the caller.
func Unavailable(wait time.Duration, text string) *connect.Error {
	err := connect.NewError(connect.CodeUnavailable, text)
	detail, failed := connectproto.NewErrorDetail(&errdetails.RetryInfo{RetryDelay: durationpb.New(whole(wait))})
	if failed != nil {
		return err.WithCause(failed) // what to do is lost, what happened is not
	}
	return err.WithDetail(detail)
}

// RetryAfter returns how long the error, or one that it wraps, asks its caller to wait:
// whole seconds, at least one. Errors of [Unavailable] do, and those that have a method
// RetryAfter() time.Duration.
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

// SetRetryAfter puts the wait that err asks for into the header of an answer, where it
// asks for one.
func SetRetryAfter(header http.Header, err error) {
	if wait, ok := RetryAfter(err); ok {
		header.Set(RetryAfterHeader, seconds(wait))
	}
}

// RetryInterceptor puts the wait that the error of an RPC asks for into the answer's
// metadata. Of Connect's unary calls that is the HTTP header. All else goes into the
// trailers: a stream's headers may have gone, and gRPC's clients retry by themselves
// only where nothing but trailers was sent. gRPC-Web's trailers are HTTP headers then.
func RetryInterceptor() connect.ServerInterceptor {
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
		info.ResponseTrailer().Set(RetryAfterHeader, seconds(wait))
		info.ResponseTrailer().Set(pushbackKey, strconv.FormatInt(wait.Milliseconds(), 10))
	case spec.StreamType == connect.StreamTypeUnary:
		info.ResponseHeader().Set(RetryAfterHeader, seconds(wait))
	default:
		info.ResponseTrailer().Set(RetryAfterHeader, seconds(wait))
	}
}

// whole returns wait in whole seconds, rounded up, at least one: the header has no
// smaller unit, and all forms say the same.
func whole(wait time.Duration) time.Duration {
	wait = min(wait, math.MaxInt64-time.Second) // so that rounding up stays in range
	return max(1, (wait-1)/time.Second+1) * time.Second
}

func seconds(wait time.Duration) string { return strconv.FormatInt(int64(wait/time.Second), 10) }
