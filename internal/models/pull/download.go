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
	// minProgress is the number of new bytes with which an attempt resets the
	// count of retries: a server that drops every connection is tolerated as long
	// as the download progresses.
	minProgress = 1 << 20
	maxBackoff  = 30 * time.Second
)

// download fills a workspace. It is not safe for concurrent use.
type download struct {
	*job
	w *workspace
	// hash is the running hash of the bytes of w.
	hash hash.Hash
	// maxSize is the largest size that w has had, in bytes.
	maxSize int64
	// reached reports that the server has responded before.
	reached bool
}

// retryError is a failure after which a retry may succeed.
type retryError struct {
	err error
	// after is the delay that the server requests; 0 if it requests none.
	after time.Duration
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// stoppedError returns the error of a pull whose ctx is done.
func stoppedError(ctx context.Context) error {
	return fmt.Errorf("stopped: %w", context.Cause(ctx))
}

// run downloads and retries until the file is complete or a failure is permanent.
func (d *download) run(ctx context.Context) error {
	if complete, err := d.resume(ctx); err != nil || complete {
		return err
	}
	for failed := 0; ; {
		before := d.maxSize
		err := d.try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return stoppedError(ctx)
		}
		retry, ok := errors.AsType[*retryError](err)
		if !ok {
			return err
		}
		if d.maxSize-before >= minProgress {
			failed = 0
		}
		failed++
		if d.Retries <= 0 {
			return retry.err
		}
		if failed > d.Retries {
			return fmt.Errorf("%w; failed after %d retries", retry.err, d.Retries)
		}
		if err := d.wait(ctx, failed, retry); err != nil {
			return err
		}
	}
}

// wait blocks before retry number failed.
func (d *download) wait(ctx context.Context, failed int, retry *retryError) error {
	delay := min(min(d.Backoff, maxBackoff)<<min(failed-1, 16), maxBackoff)
	delay = delay/2 + rand.N(delay/2+1) // jitter: many pulls must not retry at once
	if retry.after > 2*maxBackoff {
		return fmt.Errorf("%w; the server asks to retry in %v", retry.err, retry.after)
	}
	delay = max(delay, retry.after)
	d.Notice(fmt.Sprintf("%v; retrying in %v (%d of %d)", retry.err, delay.Round(100*time.Millisecond), failed, d.Retries))
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return stoppedError(ctx)
	}
}

// resume checks the bytes of an earlier pull. It hashes them if the download can resume
// from them, and deletes them otherwise. complete reports that no bytes are missing.
func (d *download) resume(ctx context.Context) (complete bool, err error) {
	if d.w.size == 0 {
		return false, nil
	}
	if !d.w.source.sameFile(d.job) {
		d.Notice(fmt.Sprintf("restarting: the %d bytes of an earlier pull came from another URL", d.w.size))
		return false, d.restart(source{Size: -1})
	}
	if !d.resumable() {
		return false, d.restartUnverifiable()
	}
	if _, err := io.Copy(d.hash, contextReader(ctx, io.NewSectionReader(d.w.file, 0, d.w.size))); err != nil {
		return false, err
	}
	d.maxSize = d.w.size
	d.Notice(fmt.Sprintf("resuming after the %d bytes of an earlier pull", d.w.size))
	return d.digest != nil && bytes.Equal(d.hash.Sum(nil), d.digest), nil
}

// resumable reports whether a validator or the digest can verify that the remaining
// bytes belong to the same file.
func (d *download) resumable() bool {
	return d.w.source.validator() != "" || d.digest != nil
}

// restartUnverifiable restarts a download that is not resumable.
func (d *download) restartUnverifiable() error {
	d.Notice("restarting: the server sent neither a strong ETag nor Last-Modified, and no SHA-256 is given, so the rest of the file cannot be verified")
	return d.restart(source{Size: -1})
}

// restart deletes the bytes in the workspace. Later bytes belong to s.
func (d *download) restart(s source) error {
	d.hash.Reset()
	s.URL, s.SHA256 = d.urlDigest(), d.SHA256
	return d.w.restart(s)
}

var errStalled = errors.New("the server sent nothing")

// try requests the missing bytes and writes them to the workspace. It returns nil when
// the file is complete.
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
		if err := d.restartUnverifiable(); err != nil {
			return err
		}
	}
	response, err := d.get(ctx, d.w.size)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	next, err := d.evaluate(response)
	if err != nil {
		return err
	}
	switch next {
	case complete:
		return nil
	case startAgain:
		// The bytes in the workspace are useless. Without them the response is the
		// whole file.
		if err := d.restart(source{Size: -1}); err != nil {
			return err
		}
		_ = response.Body.Close()
		stall.Reset(d.StallTimeout)
		return d.fetch(ctx, stall)
	case writeWhole, appendPart:
	}
	return d.copy(ctx, response, stall)
}
