package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"time"
)

const (
	// progress is what a try must bring beyond what there ever was, in bytes, so
	// that it does not count as failed: a server that cuts each connection is
	// followed as long as it gets on.
	progress   = 1 << 20
	maxBackoff = 30 * time.Second
)

// download fills a workspace. It is for one goroutine.
type download struct {
	*job
	w *workspace
	// hash has taken in the bytes of w, each once.
	hash hash.Hash
	// most is the greatest number of bytes that w ever had.
	most int64
	// answered says that the server was reached.
	answered bool
}

// retryError is a failure after which another try may succeed.
type retryError struct {
	err error
	// after is when the server asks to be called again; 0 where it does not say.
	after time.Duration
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// stopped is the error of a pull whose ctx is done.
func stopped(ctx context.Context) error {
	return fmt.Errorf("stopped: %w", context.Cause(ctx))
}

// run tries until the file is whole, or cannot be.
func (d *download) run(ctx context.Context) error {
	if whole, err := d.resume(ctx); err != nil || whole {
		return err
	}
	for failed := 0; ; {
		before := d.most
		err := d.try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return stopped(ctx)
		}
		retry, ok := errors.AsType[*retryError](err)
		if !ok {
			return err
		}
		if d.most-before >= progress {
			failed = 0
		}
		failed++
		if d.Retries <= 0 {
			return retry.err
		}
		if failed > d.Retries {
			return fmt.Errorf("%w; gave up after %d retries", retry.err, d.Retries)
		}
		if err := d.wait(ctx, failed, retry); err != nil {
			return err
		}
	}
}

// wait lets time pass before retry number failed.
func (d *download) wait(ctx context.Context, failed int, retry *retryError) error {
	delay := min(min(d.Backoff, maxBackoff)<<min(failed-1, 16), maxBackoff)
	delay = delay/2 + rand.N(delay/2+1) // many pulls must not come back at once
	if retry.after > 2*maxBackoff {
		return fmt.Errorf("%w; the server asks to come back in %v", retry.err, retry.after)
	}
	delay = max(delay, retry.after)
	d.Notice(fmt.Sprintf("%v; trying again in %v (%d of %d)", retry.err, delay.Round(100*time.Millisecond), failed, d.Retries))
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return stopped(ctx)
	}
}

// resume looks at what an earlier pull left: it is taken into the hash where the
// download can go on from it, else deleted. whole says that nothing is missing.
func (d *download) resume(ctx context.Context) (whole bool, err error) {
	if d.w.size == 0 {
		return false, nil
	}
	if !d.w.source.sameFile(d.job) {
		d.Notice(fmt.Sprintf("starting over: the %d bytes of an earlier pull came from another URL", d.w.size))
		return false, d.startOver(source{Size: -1})
	}
	if !d.resumable() {
		return false, d.forget()
	}
	if _, err := io.Copy(d.hash, reading(ctx, io.NewSectionReader(d.w.file, 0, d.w.size))); err != nil {
		return false, err
	}
	d.most = d.w.size
	d.Notice(fmt.Sprintf("going on after the %d bytes of an earlier pull", d.w.size))
	return d.digest != nil && bytes.Equal(d.hash.Sum(nil), d.digest), nil
}

// resumable says whether bytes that are appended later can be known to belong to the
// same file: the server tells, or the digest will.
func (d *download) resumable() bool {
	return d.w.source.validator() != "" || d.digest != nil
}

// forget starts over where nothing is resumable.
func (d *download) forget() error {
	d.Notice("starting over: the server gave nothing to tell whether the file is still the same, and no SHA-256 is given")
	return d.startOver(source{Size: -1})
}

// startOver deletes what there is; what comes belongs to s.
func (d *download) startOver(s source) error {
	d.hash.Reset()
	s.URL, s.SHA256 = d.urlDigest(), d.SHA256
	return d.w.restart(s)
}

var errStalled = errors.New("the server sends nothing")

// try asks for what is missing and takes in what comes. It ends with nil when the
// file is whole.
func (d *download) try(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(d.StallTimeout, func() { cancel(errStalled) })
	defer stall.Stop()
	err := d.fetch(ctx, stall)
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return &retryError{err: fmt.Errorf("%w for %v", errStalled, d.StallTimeout)}
	}
	return err
}

func (d *download) fetch(ctx context.Context, stall *time.Timer) error {
	if d.w.size > 0 && !d.resumable() {
		if err := d.forget(); err != nil {
			return err
		}
	}
	response, err := d.get(ctx, d.w.size)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	verdict, err := d.judge(response)
	if err != nil {
		return err
	}
	switch verdict {
	case whole:
		return nil
	case again:
		// What there is, is of no use; without it the answer is the whole file.
		if err := d.startOver(source{Size: -1}); err != nil {
			return err
		}
		_ = response.Body.Close()
		stall.Reset(d.StallTimeout)
		return d.fetch(ctx, stall)
	case fromStart, goesOn:
	}
	return d.copy(ctx, response, stall)
}
