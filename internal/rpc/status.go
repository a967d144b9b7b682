package rpc

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/encoding/protowire"
)

// asRPCError returns an error as what a caller may see of it: only errors made for
// callers have a text.
func asRPCError(ctx context.Context, err error) *connect.Error {
	if rpc, ok := errors.AsType[*connect.Error](err); ok && !rpc.IsRemote() {
		return rpc
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, "the deadline passed").WithCause(err)
	case errors.Is(err, context.Canceled), ctx.Err() != nil:
		return connect.NewError(connect.CodeCanceled, "the caller has gone").WithCause(err)
	}
	return connect.NewError(connect.CodeUnknown, "").WithCause(err)
}

var okStatus = []string{"0"}

// setStatus sets gRPC's trailers on header, each name behind prefix ("Responses" in
// gRPC's PROTOCOL-HTTP2.md).
func setStatus(header http.Header, prefix string, err *connect.Error) {
	if err == nil {
		header[prefix+"Grpc-Status"] = okStatus
		return
	}
	header[prefix+"Grpc-Status"] = []string{strconv.Itoa(int(err.Code()))}
	header[prefix+"Grpc-Message"] = []string{percentEncode(err.Message())}
	if details := err.Details(); len(details) > 0 {
		header[prefix+"Grpc-Status-Details-Bin"] = []string{connect.EncodeBinaryHeader(encodeStatus(err, details))}
	}
}

// encodeStatus returns a google.rpc.Status: code = 1, message = 2, details = 3, each a
// google.protobuf.Any with type_url = 1 and value = 2.
func encodeStatus(err *connect.Error, details []*connect.ErrorDetail) []byte {
	var b []byte
	b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), uint64(err.Code()))
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), err.Message())
	for _, detail := range details {
		var a []byte
		a = protowire.AppendString(protowire.AppendTag(a, 1, protowire.BytesType), "type.googleapis.com/"+detail.Type)
		a = protowire.AppendBytes(protowire.AppendTag(a, 2, protowire.BytesType), detail.Value)
		b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), a)
	}
	return b
}

// percentEncode encodes a text as grpc-message has it: bytes other than printable
// ASCII, and the percent sign, as %XX.
func percentEncode(text string) string {
	const digits = "0123456789ABCDEF"
	escape := func(b byte) bool { return b < ' ' || b > '~' || b == '%' }
	plain := true
	for i := range len(text) {
		plain = plain && !escape(text[i])
	}
	if plain {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; escape(c) {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
