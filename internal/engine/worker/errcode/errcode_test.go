package errcode_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
)

var sentinels = []error{
	engine.ErrBadInput, engine.ErrRun, engine.ErrOutOfMemory, engine.ErrTimeLimit, engine.ErrBadModel,
	engine.ErrUnsupported, engine.ErrTooLarge, engine.ErrClosed, context.Canceled, context.DeadlineExceeded,
	fs.ErrPermission, syscall.EIO, syscall.ENOSPC, syscall.ESTALE, syscall.EMFILE, syscall.EINTR,
}

func TestSentinelsCross(t *testing.T) {
	t.Parallel()
	for i, sentinel := range sentinels {
		sent := fmt.Errorf("run %q: %w", "x", sentinel)
		code, text := errcode.Of(sent)
		if !code.Valid() {
			t.Errorf("%v has no valid code", sentinel)
		}
		received := errcode.Error(code, text)
		if received.Error() != sent.Error() {
			t.Errorf("text %q, want %q", received, sent)
		}
		for j, other := range sentinels {
			if errors.Is(received, other) != (i == j) {
				t.Errorf("%v: errors.Is(%v) is %v", sentinel, other, errors.Is(received, other))
			}
		}
	}
}

// An error of the system within an error of the engine stays one.
func TestEachSentinelOfAnErrorCrosses(t *testing.T) {
	t.Parallel()
	sent := fmt.Errorf("%w: open model.onnx: %w", engine.ErrBadModel, &fs.PathError{Op: "open", Path: "model.onnx", Err: syscall.EACCES})
	if received := errcode.Error(errcode.Of(sent)); !errors.Is(received, engine.ErrBadModel) || !errors.Is(received, fs.ErrPermission) {
		t.Errorf("%v has lost a sentinel", received)
	}
}

func TestOtherErrorsCross(t *testing.T) {
	t.Parallel()
	if code, text := errcode.Of(nil); code != 0 || errcode.Error(code, text) != nil {
		t.Errorf("nil is %d, %q", code, text)
	}
	code, text := errcode.Of(errors.New("unknown"))
	if err := errcode.Error(code, text); err == nil || err.Error() != "unknown" || errors.Is(err, engine.ErrRun) {
		t.Errorf("error %v", err)
	}
	for _, invalid := range []errcode.Code{1, code << 1, code<<1 | code} {
		if invalid.Valid() || errcode.Error(invalid, "x") == nil {
			t.Errorf("code %d is valid", invalid)
		}
	}
}

func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", errcode.MaxText-1) + "é and more"
	for _, text := range []string{long, "bad \xff\xfe", "", "\xff"} {
		code, sent := errcode.Of(errors.New(text))
		for _, got := range []string{sent, errcode.Error(code, text).Error()} {
			if got == "" || len(got) > errcode.MaxText || !utf8.ValidString(got) {
				t.Errorf("%d bytes became %q", len(text), got)
			}
		}
	}
}
