package main

import (
	"context"
	"errors"
	"time"
)

// errStopped reports a start that a signal ended.
var errStopped = errors.New("stopped while it started: files of its settings or of the models were not read yet")

// startGrace is how long a signal waits for a step of the start. Only a file system that does not
// answer needs more.
const startGrace = 5 * time.Second

// untilStopped runs a step of the start, which may wait for a file system that does not answer.
// It returns errStopped when ctx ends and the step does not: the step then ends with the process,
// or discard releases its result.
func untilStopped[T any](ctx context.Context, step func() (T, error), discard func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done, abandoned := make(chan result), make(chan struct{})
	go func() {
		value, err := step()
		select {
		case done <- result{value, err}:
		case <-abandoned:
			if err == nil {
				discard(value)
			}
		}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(startGrace):
		close(abandoned)
		var none T
		return none, errStopped
	}
}
