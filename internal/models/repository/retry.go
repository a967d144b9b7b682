package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

const (
	// minRetryWait is the time before the first retry. It doubles up to maxRetryWait.
	minRetryWait = time.Second
	maxRetryWait = time.Minute
	// maxCrashes limits the loads of files whose load ends the process: each may cost a
	// core dump, and the cause is seldom the machine.
	maxCrashes = 4
)

// errInUse reports a version that was not unloaded in time to make room for its
// replacement.
var errInUse = errors.New("the earlier version is still in use")

// errDirectory reports that the models directory, which Scan has read, cannot be read.
var errDirectory = errors.New("read the models directory")

// transientErrnos are errors of the system that may pass without a change of the files.
var transientErrnos = []error{
	syscall.EIO, syscall.ENOSPC, syscall.ESTALE, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN, syscall.EBUSY,
	syscall.ETIMEDOUT, syscall.ENOTCONN, syscall.EHOSTDOWN, syscall.EINTR,
}

// transient reports whether a load that failed with err may succeed later with the same
// files.
func transient(err error) bool {
	for _, target := range []error{engine.ErrOutOfMemory, engine.ErrCrashed, engine.ErrNoProcess, errInUse, errAbandonedLoads, errDirectory} {
		if errors.Is(err, target) {
			return true
		}
	}
	return systemError(err)
}

// systemError reports whether err is an error of the file system or the system that may
// pass.
func systemError(err error) bool {
	return errors.Is(err, fs.ErrPermission) || slices.ContainsFunc(transientErrnos, func(errno error) bool { return errors.Is(err, errno) })
}

// retryWait returns the time between the failure of that number and the next attempt: up
// to a quarter less than the doubled time, so that models that failed together are not
// retried together.
func retryWait(failures int) time.Duration {
	wait := min(minRetryWait<<min(failures-1, 10), maxRetryWait)
	return wait - rand.N(wait/4) //nolint:gosec // jitter is no secret
}

// failed records a failed load of a version. It returns the reason for clients, with the
// time of the next attempt if there is one.
func (o *operation[S]) failed(number int64, key fingerprint, err error, retries bool) (reason string) {
	failure := attempt{key: key}
	if before := o.attempts[number]; before.key == key {
		failure.failures = before.failures
	}
	reason = readable(err)
	defer func() { o.attempts[number] = failure }()
	if !retries || !transient(err) {
		return reason
	}
	failure.failures++
	if errors.Is(err, engine.ErrCrashed) && failure.failures >= maxCrashes {
		return fmt.Sprintf("%s; it was tried %d times, and is tried again when its files change", reason, failure.failures)
	}
	failure.next = time.Now().Add(retryWait(failure.failures))
	return fmt.Sprintf("%s; the next attempt is at %s", reason, failure.next.UTC().Format(time.RFC3339))
}

// due reports whether a retry is due now.
func (a attempt) due() bool { return !a.next.IsZero() && !time.Now().Before(a.next) }

// scheduleRetry sets the timer for the earliest of the model's next attempts.
func (o *operation[S]) scheduleRetry() {
	o.stopRetry()
	var next time.Time
	for _, a := range o.attempts {
		if !a.next.IsZero() && (next.IsZero() || a.next.Before(next)) {
			next = a.next
		}
	}
	if !next.IsZero() {
		o.retryAfter(time.Until(next))
	}
}

func (o *operation[S]) retryAfter(wait time.Duration) {
	o.stopRetry()
	o.retry = time.AfterFunc(wait, func() { o.retryModel(o.name) })
}

// retryModel loads the versions of a model whose next attempt is due.
func (r *Repository[S]) retryModel(name string) {
	ctx := context.Background()
	o, err := r.begin(ctx, name)
	if err != nil {
		return // the repository closes, or the model was unloaded
	}
	defer o.end()
	if !slices.ContainsFunc(slices.Collect(maps.Values(o.attempts)), attempt.due) {
		return // an operation in between has done it
	}
	ctx, cancel := o.context(ctx)
	defer cancel()
	src, d, err := o.read(ctx, func() (*source, error) { return r.source(name, nil) })
	if ctx.Err() != nil && err != nil {
		return
	}
	if err != nil {
		r.options.Logger.Error("model could not be loaded again", "model", name, "reason", err)
		o.retryAfter(retryWait(maxCrashes))
		return
	}
	defer r.releaseSource(name, src)
	o.settings = d.settings
	_, _ = o.reconcile(ctx, src, d, false) // failures are listed, and retried by the next timer
}
