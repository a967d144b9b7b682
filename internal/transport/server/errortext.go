package server

import (
	"context"
	"errors"
	"unicode/utf8"

	"connectrpc.com/connect/v2"
)

// maxErrorText bounds the text of an RPC's error as gRPC sends it, percent-encoded in a header
// field. nginx reads a response's header into 4 KiB by default (grpc_buffer_size), and answers with
// 502 beyond that.
const maxErrorText = 2 << 10

// boundErrors returns an interceptor that cuts the texts of errors.
func boundErrors() connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			err := next(ctx, spec, stream)
			rpc, ok := errors.AsType[*connect.Error](err)
			if !ok || rpc == nil || len(rpc.Message()) <= maxErrorText/len("%XX") {
				return err
			}
			text := cutText(rpc.Message())
			if text == rpc.Message() {
				return err
			}
			cut := connect.NewError(rpc.Code(), text).WithCause(err)
			for _, detail := range rpc.Details() {
				cut = cut.WithDetail(detail)
			}
			return cut
		}
	}
}

// cutText returns the beginning of text that takes maxErrorText bytes percent-encoded.
func cutText(text string) string {
	const ellipsis = "…"
	size, end := 0, 0
	for at := 0; at < len(text); {
		r, width := utf8.DecodeRuneInString(text[at:])
		if at += width; r < ' ' || r > '~' || r == '%' {
			width *= len("%XX")
		}
		if size += width; size > maxErrorText {
			return text[:end] + ellipsis
		}
		if size <= maxErrorText-len("%XX")*len(ellipsis) {
			end = at
		}
	}
	return text
}
