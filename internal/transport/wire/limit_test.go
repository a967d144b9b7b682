package wire_test

import (
	"errors"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

func TestTooLarge(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"known size":      {wire.TooLarge(12, 10), "message has 12 bytes, the server accepts 10 (max-message-bytes): send a smaller message or raise the setting"},
		"unknown size":    {wire.TooLarge(wire.UnknownSize, 10), "message has more than 10 bytes, the server accepts 10 (max-message-bytes): send a smaller message or raise the setting"},
		"another setting": {wire.TooLargeFor(setting.MemoryBudget, 12, 10), "message has 12 bytes, the server accepts 10 (memory-budget): send a smaller message or raise the setting"},
	}
	for name, test := range tests {
		rpc, ok := errors.AsType[*connect.Error](test.err)
		if !ok || rpc.Code() != connect.CodeResourceExhausted || rpc.Message() != test.want {
			t.Errorf("%s: %v", name, test.err)
		}
	}
}

// Only connecthttp's own errors of size are replaced.
func TestAsTooLarge(t *testing.T) {
	ours := wire.TooLarge(12, 10)
	others := []error{nil, errors.New("other"), ours, connect.NewError(connect.CodeResourceExhausted, "quota"), connect.NewError(connect.CodeNotFound, "no message is larger than configured max 10")}
	for _, err := range others {
		if got := wire.AsTooLarge(err, 10); got != err { //nolint:errorlint // the same error comes back
			t.Errorf("%v became %v", err, got)
		}
	}
	theirs := connect.NewError(connect.CodeResourceExhausted, "message is larger than configured max 10")
	if got := wire.AsTooLarge(theirs, 10); got.Error() != wire.TooLarge(wire.UnknownSize, 10).Error() {
		t.Errorf("connecthttp's error became %v", got)
	}
}
