package rpcfast

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// timeoutHeader is a protocol's header field for the client's timeout.
type timeoutHeader struct {
	name string
	// parse returns the timeout. ok is false for one that is no bound.
	parse func(text string) (timeout time.Duration, ok bool, err error)
}

var (
	grpcTimeout    = timeoutHeader{wire.HeaderGRPCTimeout, parseGRPCTimeout}
	connectTimeout = timeoutHeader{wire.HeaderConnectTimeout, parseConnectTimeout}
)

// set returns the context with the client's deadline. A malformed timeout is an invalid
// argument.
func (h timeoutHeader) set(ctx context.Context, header http.Header) (context.Context, context.CancelFunc, error) {
	text := first(header, h.name)
	if text == "" {
		return ctx, func() {}, nil
	}
	timeout, ok, err := h.parse(text)
	if err != nil {
		return ctx, func() {}, connect.NewError(connect.CodeInvalidArgument, err.Error()).WithCause(err)
	}
	if !ok {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel, nil
}

var timeoutUnits = map[byte]time.Duration{'n': time.Nanosecond, 'u': time.Microsecond, 'm': time.Millisecond, 'S': time.Second, 'M': time.Minute, 'H': time.Hour}

// parseGRPCTimeout parses grpc-timeout: up to eight digits and a unit ("Requests" in
// gRPC's PROTOCOL-HTTP2.md). More hours than time.Duration can hold are no bound.
func parseGRPCTimeout(text string) (time.Duration, bool, error) {
	unit, known := timeoutUnits[text[len(text)-1]]
	if !known {
		return 0, false, fmt.Errorf("protocol error: timeout has invalid unit %q", text[len(text)-1])
	}
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	if err != nil || n < 0 {
		return 0, false, fmt.Errorf("protocol error: invalid timeout %q", text)
	}
	if n > 99_999_999 {
		return 0, false, fmt.Errorf("protocol error: timeout %q is too long", text)
	}
	if unit == time.Hour && n > math.MaxInt64/int64(time.Hour) {
		return 0, false, nil
	}
	return time.Duration(n) * unit, true, nil
}

// parseConnectTimeout parses connect-timeout-ms: up to ten digits ("Unary-Request" in
// Connect's protocol reference).
func parseConnectTimeout(text string) (time.Duration, bool, error) {
	if len(text) > 10 {
		return 0, false, fmt.Errorf("parse timeout: %q has >10 digits", text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("parse timeout: %w", err)
	}
	if n < 0 {
		return 0, false, fmt.Errorf("parse timeout: %q is negative", text)
	}
	return time.Duration(n) * time.Millisecond, true, nil
}
