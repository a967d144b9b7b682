package rpc

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"
)

// withTimeout returns the request's context with the deadline that the caller gave.
func withTimeout(r *http.Request) (context.Context, context.CancelFunc, error) {
	ctx := r.Context()
	var timeout time.Duration
	var err error
	if value := r.Header["Grpc-Timeout"]; len(value) > 0 {
		timeout, err = parseGRPCTimeout(value[0])
	} else if value := r.Header["Connect-Timeout-Ms"]; len(value) > 0 {
		timeout, err = parseConnectTimeout(value[0])
	}
	if err != nil || timeout < 0 {
		return ctx, func() {}, err
	}
	if timeout == 0 && len(r.Header["Grpc-Timeout"]) == 0 && len(r.Header["Connect-Timeout-Ms"]) == 0 {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel, nil
}

var timeoutUnits = map[byte]time.Duration{'n': time.Nanosecond, 'u': time.Microsecond, 'm': time.Millisecond, 'S': time.Second, 'M': time.Minute, 'H': time.Hour}

// parseGRPCTimeout reads grpc-timeout: up to eight digits and a unit ("Requests" in
// gRPC's PROTOCOL-HTTP2.md). A time too long for time.Duration is none: -1.
func parseGRPCTimeout(text string) (time.Duration, error) {
	if text == "" {
		return -1, nil
	}
	unit, known := timeoutUnits[text[len(text)-1]]
	digits := text[:len(text)-1]
	n, err := strconv.ParseUint(digits, 10, 32)
	if !known || err != nil || len(digits) > 8 {
		return 0, connect.Errorf(connect.CodeInvalidArgument, "grpc-timeout is %q: give up to eight digits and a unit of n, u, m, S, M or H", text)
	}
	if unit == time.Hour && n > uint64(1<<63-1)/uint64(time.Hour) {
		return -1, nil
	}
	return time.Duration(n) * unit, nil
}

// parseConnectTimeout reads Connect-Timeout-Ms: up to ten digits (Connect's protocol
// reference).
func parseConnectTimeout(text string) (time.Duration, error) {
	if text == "" {
		return -1, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(text) > 10 {
		return 0, connect.Errorf(connect.CodeInvalidArgument, "connect-timeout-ms is %q: give up to ten digits", text)
	}
	return time.Duration(n) * time.Millisecond, nil
}
