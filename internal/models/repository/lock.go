package repository

import (
	"context"
	"fmt"
	"os"
	"slices"
	"unicode/utf8"
)

// errStopping reports that the repository is closed.
var errStopping = fmt.Errorf("%w: the server is stopping", ErrUnavailable)

// lockLoads acquires the load lock, under which models are loaded and unloaded one at a
// time. It is not a mutex because the wait ends early with ctx and with the repository.
func (r *Repository[S]) lockLoads(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case r.loadLock <- struct{}{}:
		return func() { <-r.loadLock }, nil
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

// openModels opens the models directory and returns the names of the models in it. It opens
// the directory again each time, because that may be a symbolic link that changes. The
// caller closes root.
//
// It ignores a name that is not UTF-8: no protocol could carry it.
func (r *Repository[S]) openModels() (root *os.Root, names []string, err error) {
	if root, err = os.OpenRoot(r.dir); err != nil {
		return nil, nil, err
	}
	if names, err = modelNames(root); err != nil {
		_ = root.Close() // the directory was only read
		return nil, nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		if utf8.ValidString(name) {
			return false
		}
		r.invalidName.Do(func() {
			r.options.Logger.Warn("a directory is ignored because its name is not UTF-8: rename it", "name", name)
		})
		return true
	})
	return root, names, nil
}
