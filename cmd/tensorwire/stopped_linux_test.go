package main

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// A worker that a signal stops is replaced, and its requests, which run again, get the right
// responses: that of a pool, of one model alone, and of all models.
func TestStoppedWorkersAreReplaced(t *testing.T) {
	for _, isolation := range []string{"version", "shared"} {
		t.Run(isolation, func(t *testing.T) {
			dir := t.TempDir()
			check := negatives(t, dir)
			config := ""
			if isolation == "version" {
				config = parameter("worker_memory", "4GiB") // a worker of its own
			}
			writeModel(t, dir, "loop", onnxtest.Loop().Encode(), config)
			p := start(t, "--models", dir, "--isolation", isolation)
			stop := bystanders(t, p.url, func(ctx context.Context, send sender) error {
				return errors.Join(check(ctx, send), counts(ctx, send))
			})
			stopped := workers(t)
			for _, pid := range stopped {
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "the stopped workers are ended", func() bool { return counter(t, p, "worker_deaths_total") == len(stopped) })
			eventually(t, "others serve", func() bool { return counter(t, p, "workers") == len(stopped) })
			stop()
			if n := counter(t, p, "worker_requests_blamed_total"); n != 0 {
				t.Errorf("%d requests are blamed", n)
			}
			if !strings.Contains(p.out.String(), "did not answer") {
				t.Errorf("the log has no reason: %s", p.out)
			}
		})
	}
}
