package engine

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Screener is a Session that refuses some requests before they run, because equal ones
// ended the process of the model. The scheduler calls Screen before a request joins a
// batch, which it would end too.
type Screener interface {
	// Screen returns the error of a request that is refused, nil for any other. It costs
	// one atomic load while nothing is refused.
	Screen(ctx context.Context, inputs []tensor.Tensor) error
}

type role uint8

const (
	batch role = iota + 1
	suspect
)

type roleKey struct{}

// AsBatch returns the context of a Run for several requests at once. If the process of the
// model dies, an isolating Session returns ErrCrashed for it, and its caller runs each
// request again by itself, with AsSuspect. Any other Run is repeated by the Session.
func AsBatch(ctx context.Context) context.Context { return context.WithValue(ctx, roleKey{}, batch) }

// AsSuspect returns the context of a Run for a request that was part of a batch whose
// process died. An isolating Session runs it apart from all others.
func AsSuspect(ctx context.Context) context.Context {
	return context.WithValue(ctx, roleKey{}, suspect)
}

// IsBatch reports whether ctx is of AsBatch.
func IsBatch(ctx context.Context) bool { return ctx.Value(roleKey{}) == batch }

// IsSuspect reports whether ctx is of AsSuspect.
func IsSuspect(ctx context.Context) bool { return ctx.Value(roleKey{}) == suspect }
