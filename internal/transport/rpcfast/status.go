package rpcfast

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

var statusOK = []string{"0"}

// setStatus sets the trailer's fields of gRPC's status ("Responses" in gRPC's
// PROTOCOL-HTTP2.md).
func (c *grpcCall) setStatus(failure *connect.Error) {
	if c.trailer == nil {
		c.trailer = make(http.Header, 3)
	}
	trailer := c.trailer
	if failure == nil {
		trailer[wire.HeaderGRPCStatus] = statusOK
		return
	}
	code, message := failure.Code(), failure.Message()
	if details := failure.Details(); len(details) > 0 {
		status, err := encodeStatus(code, message, details)
		if err != nil {
			code, message = connect.CodeInternal, fmt.Sprintf("marshal protobuf status: %v", err)
		} else {
			trailer[wire.HeaderGRPCStatusDetails] = []string{connect.EncodeBinaryHeader(status)}
		}
	}
	trailer[wire.HeaderGRPCStatus] = []string{strconv.Itoa(int(code))}
	trailer[wire.HeaderGRPCMessage] = []string{percentEncode(message)}
}

// encodeStatus returns a google.rpc.Status: code = 1, message = 2, and details = 3, each
// a google.protobuf.Any. Its type is not generated here, because that would register it for the
// whole process.
func encodeStatus(code connect.Code, message string, details []*connect.ErrorDetail) ([]byte, error) {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(code))
	if message != "" {
		b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), message)
	}
	for _, detail := range details {
		encoded, err := proto.Marshal(connectproto.ErrorDetailToAny(detail))
		if err != nil {
			return nil, err
		}
		b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), encoded)
	}
	return b, nil
}

// percentEncode encodes a text for grpc-message: bytes other than printable ASCII, and the
// percent sign, become %XX.
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
