package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// copy takes in the body of response.
func (d *download) copy(ctx context.Context, response *http.Response, stall *time.Timer) error {
	buffer := make([]byte, 256<<10)
	for ctx.Err() == nil {
		stall.Reset(d.StallTimeout)
		n, readErr := response.Body.Read(buffer)
		stall.Stop() // a slow disk is no stall of the server
		if err := d.take(buffer[:n]); err != nil {
			return err
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return d.ended()
		case readErr != nil:
			return &retryError{err: fmt.Errorf("the connection was cut after %d bytes: %w", d.w.size, readErr)}
		}
	}
	return context.Cause(ctx)
}

// take checks and appends bytes that arrived.
func (d *download) take(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if d.w.size == 0 && d.digest == nil {
		if err := looksLikeONNX(p); err != nil {
			return fmt.Errorf("%s: %w", shown(d.url), err)
		}
	}
	size, after := d.w.source.Size, d.w.size+int64(len(p))
	if size >= 0 && after > size {
		return fmt.Errorf("%s: the server sends more than the %d bytes that it announced", shown(d.url), size)
	}
	if after > d.MaxBytes {
		return d.tooLarge("more than that arrived")
	}
	if _, err := d.w.Write(p); err != nil {
		return err
	}
	d.hash.Write(p)
	d.most = max(d.most, d.w.size)
	d.Progress(Progress{Bytes: d.w.size, Total: size})
	return nil
}

// ended looks at a body that came to its end.
func (d *download) ended() error {
	if size := d.w.source.Size; d.w.size < size {
		return &retryError{err: fmt.Errorf("the server ended after %d of %d bytes", d.w.size, size)}
	}
	if d.w.size == 0 {
		return fmt.Errorf("%w: %s is empty", ErrNotModel, shown(d.url))
	}
	return nil
}

func (d *download) tooLarge(found string) error {
	return fmt.Errorf("%w: %s: the most is %d bytes, %s: raise --max-bytes if it is the model", ErrTooLarge, shown(d.url), d.MaxBytes, found)
}
