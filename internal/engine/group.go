package engine

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// GroupRunner is a Session in another process. It computes several small requests for the
// cost of one wake-up of that process. The scheduler calls it for requests that wait
// together.
type GroupRunner interface {
	// RunGroup computes requests one after another, each by itself, and returns a result
	// for each. nil is the result of a request that failed, or that is too large for a
	// group: its caller runs it again by itself. It reads the inputs until it returns.
	//
	// ctx is of AsBatch, and ends the whole group. With an error there are no results.
	RunGroup(ctx context.Context, requests [][]tensor.Tensor) ([]*Result, error)
}
