package repository

import (
	"context"
	"errors"
	"fmt"
)

var (
	// errStopping reports that the repository is closed.
	errStopping = fmt.Errorf("%w: the server is stopping", ErrUnavailable)
	// errOvertaken is the cause of the context of an operation that an unload overtook.
	errOvertaken = errors.New("the model was unloaded meanwhile")
)

// operation is a change of one model. Its holder has the lock of the model's entry until
// end. It is for one goroutine at a time.
type operation[S any] struct {
	*Repository[S]
	*entry
	name string
	// overtaken is closed when an unload overtakes the operation.
	overtaken <-chan struct{}
	// loading reports that the operation holds a slot.
	loading bool
}

// begin waits until no other operation changes the model. The wait ends early with ctx,
// with an unload of the model and with the repository. The caller calls end.
func (r *Repository[S]) begin(ctx context.Context, name string) (*operation[S], error) {
	return r.acquire(ctx, name, false)
}

// overtake ends the contexts of the model's operations, and waits until they have stopped.
// The caller calls end.
func (r *Repository[S]) overtake(ctx context.Context, name string) (*operation[S], error) {
	return r.acquire(ctx, name, true)
}

func (r *Repository[S]) acquire(ctx context.Context, name string, overtake bool) (*operation[S], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e, overtaken, err := r.join(name, overtake)
	if err != nil {
		return nil, err
	}
	yields := overtaken
	if overtake {
		yields = nil // of several unloads each takes effect
	}
	select {
	case e.lock <- struct{}{}:
		return &operation[S]{Repository: r, entry: e, name: name, overtaken: overtaken}, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-yields:
		err = errOvertaken
	case <-r.closing:
		err = errStopping
	}
	r.leave(name, e)
	return nil, err
}

// tryBegin is begin, but returns nil instead of waiting.
func (r *Repository[S]) tryBegin(name string) *operation[S] {
	e, overtaken, err := r.join(name, false)
	if err != nil {
		return nil
	}
	select {
	case e.lock <- struct{}{}:
		return &operation[S]{Repository: r, entry: e, name: name, overtaken: overtaken}
	default:
		r.leave(name, e)
		return nil
	}
}

// acquireSlot waits for one of the slots of operations that load, unless the operation
// holds one.
func (o *operation[S]) acquireSlot(ctx context.Context) error {
	if o.loading {
		return nil
	}
	select {
	case o.slots <- struct{}{}:
		o.loading = true
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-o.overtaken:
		return errOvertaken
	case <-o.closing:
		return errStopping
	}
}

// releaseSlot gives the slot back, if the operation holds one.
func (o *operation[S]) releaseSlot() {
	if o.loading {
		o.loading = false
		<-o.slots
	}
}

// end ends the operation. It is called once.
func (o *operation[S]) end() {
	o.releaseSlot()
	<-o.lock
	o.leave(o.name, o.entry)
}

// context returns a context that ends with ctx, when an unload overtakes the operation, and
// when Close begins. The caller cancels it.
func (o *operation[S]) context(ctx context.Context) (context.Context, context.CancelFunc) {
	return withEnds(ctx, map[error]<-chan struct{}{errOvertaken: o.overtaken, errStopping: o.closing})
}

// untilClose returns a context that ends with ctx, and when Close begins. The caller
// cancels it.
func (r *Repository[S]) untilClose(ctx context.Context) (context.Context, context.CancelFunc) {
	return withEnds(ctx, map[error]<-chan struct{}{errStopping: r.closing})
}

// withEnds returns a context that ends with ctx, and when one of the channels is closed,
// with its error as the cause.
func withEnds(ctx context.Context, ends map[error]<-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	for cause, end := range ends {
		select {
		case <-end: // at once, not when a goroutine runs
			cancel(cause)
			continue
		default:
		}
		go func() {
			select {
			case <-end:
				cancel(cause)
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}
