package wire

import (
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// DefaultMaxMessageBytes is the default limit of a message: 64 MiB.
const DefaultMaxMessageBytes = 64 << 20

// UnknownSize is the size of a message whose end has not arrived.
const UnknownSize = -1

// TooLarge returns the error of a message above the limit, as it was sent or decompressed.
// All transports return this one. size is in bytes, or UnknownSize.
func TooLarge(size, limit int64) *connect.Error {
	return TooLargeFor(setting.MaxMessageBytes, size, limit)
}

// TooLargeFor returns the error of a message above the limit that a setting gives. The
// error's text is for the client: it names the setting by its key.
func TooLargeFor(key setting.Key, size, limit int64) *connect.Error {
	found := fmt.Sprintf("%d bytes", size)
	if size == UnknownSize {
		found = fmt.Sprintf("more than %d bytes", limit)
	}
	return connect.Errorf(connect.CodeResourceExhausted,
		"message has %s, the server accepts %d (%s): send a smaller message or raise the setting", found, limit, key)
}

// connecthttpTooLarge is the text by which connecthttp rejects a message for its size. It has
// no type or sentinel for that.
const connecthttpTooLarge = "larger than configured max"

// AsTooLarge returns err, the error of receiving a message. An error by which connecthttp
// rejects a message for its size becomes the one of [TooLarge]: connecthttp sees the size of
// a compressed message only as it decompresses it.
func AsTooLarge(err error, limit int64) error {
	rpc, ok := errors.AsType[*connect.Error](err)
	if !ok || rpc.Code() != connect.CodeResourceExhausted || !strings.Contains(rpc.Message(), connecthttpTooLarge) {
		return err
	}
	return TooLarge(UnknownSize, limit)
}
