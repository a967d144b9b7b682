//go:build unix

package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// SIGTERM ends a server that waits for a file: opening a pipe that nobody writes to is a file
// system that does not answer.
func TestStopsWhileAFileDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	onnxtest.Unary("Neg", onnxtest.Float32, 1).Write(t, filepath.Join(dir, "models/m/1/model.onnx"))
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := stopAfter(t, 3*time.Second, "serve", "--models", filepath.Join(dir, "models"), "--listen", "127.0.0.1:0", "--tls-cert", pipe, "--tls-key", pipe)
	if code != exitOK || !strings.Contains(out, "stopped while it started") {
		t.Errorf("the server ended with %d:\n%s", code, out)
	}
}

// A step that ends late has its result released, and one that ends in time is not lost.
func TestStepsOfTheStart(t *testing.T) {
	failed := errors.New("failed")
	for _, test := range []struct {
		takes     time.Duration
		err, want error
		discarded bool
	}{
		{takes: time.Minute, want: nil},
		{takes: time.Minute, err: failed, want: failed},
		{takes: time.Hour + startGrace - 1, want: nil},
		{takes: time.Hour + startGrace + 1, want: errStopped, discarded: true},
		{takes: time.Hour + startGrace + 1, err: failed, want: errStopped},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			discarded := false
			_, err := untilStopped(ctx, func() (int, error) { time.Sleep(test.takes); return 1, test.err }, func(int) { discarded = true })
			if !errors.Is(err, test.want) {
				t.Errorf("after %v: %v, want %v", test.takes, err, test.want)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if discarded != test.discarded {
				t.Errorf("after %v the result is discarded: %t", test.takes, discarded)
			}
		})
	}
}
