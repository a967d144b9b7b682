package repository

import (
	"context"
	"fmt"
	"os"
	"slices"
	"unicode/utf8"
)

// errStopping says that nothing is loaded any more.
var errStopping = fmt.Errorf("%w: the server is stopping", ErrUnavailable)

// take waits for the repository's turn, by which loads and unloads come one at a time.
// It ends early with ctx and with the repository.
func (r *Repository[S]) take(ctx context.Context) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case r.turn <- struct{}{}:
		return func() { <-r.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.closing:
		return nil, errStopping
	}
}

// untilClose returns a context that ends with ctx, and when Close begins. The caller
// cancels it.
func (r *Repository[S]) untilClose(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-r.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// look opens the models directory and returns the names of the models in it. It is
// opened anew each time: it may be a symbolic link that leads elsewhere by now. The
// caller closes root.
//
// A name that is not UTF-8 is no model's: no client could ask for it, and no protocol
// could list it.
func (r *Repository[S]) look() (root *os.Root, names []string, err error) {
	if root, err = os.OpenRoot(r.dir); err != nil {
		return nil, nil, err
	}
	if names, err = modelNames(root); err != nil {
		root.Close()
		return nil, nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		if utf8.ValidString(name) {
			return false
		}
		r.oddName.Do(func() {
			r.options.Logger.Warn("a directory is passed over, since its name is not UTF-8: give it another", "name", name)
		})
		return true
	})
	return root, names, nil
}
