package main

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// Both servers answer the same, or what is compared is not the same work.
func TestServersDoTheSameWork(t *testing.T) {
	t.Parallel()
	for _, size := range []int{smallBytes, imageBytes} {
		payload := newPayload(size)
		for _, c := range []struct {
			name  string
			args  []string
			check func(*inference.ModelInferResponse) error
		}{
			{"count", nil, hasLength(size)},
			{"echo", []string{"-echo"}, isPayload(payload)},
			{"answer", []string{"-answer", "70000"}, hasSize(70000)},
		} {
			t.Run(c.name+"/"+strconv.Itoa(size), func(t *testing.T) {
				t.Parallel()
				startServers(t, c.args, func(ctx context.Context, t *testing.T, base string) {
					client, err := dial(base, 2)
					if err != nil {
						t.Fatal(err)
					}
					unary := client.unary(1, newRequest(payload), c.check)
					for range 3 { // so that both connections are used
						if err := unary.do(ctx, 0); err != nil {
							t.Error(err)
						}
					}
					streams, err := openStreams(ctx, base, 2, 2, newRequest(payload), c.check)
					if err != nil {
						t.Fatal(err)
					}
					var callers sync.WaitGroup
					for caller := range 2 * streamWindow {
						callers.Go(func() {
							for range 3 {
								if err := streams.do(ctx, caller); err != nil {
									t.Error(err)
								}
							}
						})
					}
					callers.Wait()
					if err := errors.Join(streams.close(), client.close()); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// A wrong answer ends the measurement: a server that fails fast would look fast.
func TestWrongAnswersAreErrors(t *testing.T) {
	t.Parallel()
	payload := newPayload(imageBytes)
	other := append([]byte(nil), payload...)
	other[len(other)-1]++
	answer := func(raw ...[]byte) *inference.ModelInferResponse {
		return &inference.ModelInferResponse{RawOutputContents: raw}
	}
	for name, err := range map[string]error{
		"no contents":     isPayload(payload)(answer()),
		"too few bytes":   isPayload(payload)(answer(payload[:16])),
		"another byte":    isPayload(payload)(answer(other)),
		"another size":    hasSize(16)(answer(payload)),
		"another length":  hasLength(16)(answer([]byte{17, 0, 0, 0, 0, 0, 0, 0})),
		"no number":       hasLength(16)(answer()),
		"no predictions":  isPrediction(nil),
		"another picture": isPrediction([]float32{0.1, 0.2, 7}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Every caller that waits on a stream learns that it has ended.
func TestStreamErrorsReachEveryCaller(t *testing.T) {
	t.Parallel()
	startServers(t, nil, func(ctx context.Context, t *testing.T, base string) {
		// The server counts 16 bytes, but the client wants to have sent 17.
		streams, err := openStreams(ctx, base, 1, 1, newRequest(newPayload(smallBytes)), hasLength(17))
		if err != nil {
			t.Fatal(err)
		}
		if err := streams.do(ctx, 0); err == nil {
			t.Error("a wrong answer is no error")
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := streams.do(ended, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v of a context that has ended", err)
		}
		if err := streams.close(); err != nil {
			t.Error(err)
		}
	})
}
