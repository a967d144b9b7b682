package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// copy writes the body of response to the workspace.
func (d *download) copy(ctx context.Context, response *http.Response, stall *time.Timer) error {
	buffer := make([]byte, 256<<10)
	for ctx.Err() == nil {
		stall.Reset(d.StallTimeout)
		n, readErr := response.Body.Read(buffer)
		stall.Stop() // a slow disk is not a stalled server
		if err := d.write(buffer[:n]); err != nil {
			return err
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return d.checkEnd()
		case readErr != nil:
			return &retryError{err: fmt.Errorf("connection lost after %d bytes: %w", d.w.size, readErr)}
		}
	}
	return context.Cause(ctx)
}

// write checks and appends received bytes.
func (d *download) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if d.w.size == 0 && d.digest == nil {
		if err := checkONNX(p); err != nil {
			return fmt.Errorf("%s: %w", redacted(d.url), err)
		}
	}
	size, after := d.w.source.Size, d.w.size+int64(len(p))
	if size >= 0 && after > size {
		return fmt.Errorf("%s: the server sent more than the announced %d bytes", redacted(d.url), size)
	}
	if after > d.MaxBytes {
		return d.tooLarge("received more")
	}
	if _, err := d.w.Write(p); err != nil {
		return err
	}
	d.hash.Write(p)
	d.maxSize = max(d.maxSize, d.w.size)
	d.Progress(Progress{Bytes: d.w.size, Total: size})
	return nil
}

// checkEnd checks that a finished body completes the file.
func (d *download) checkEnd() error {
	if size := d.w.source.Size; d.w.size < size {
		return &retryError{err: fmt.Errorf("the response ended after %d of %d bytes", d.w.size, size)}
	}
	if d.w.size == 0 {
		return fmt.Errorf("%w: %s is empty", ErrNotModel, redacted(d.url))
	}
	return nil
}

func (d *download) tooLarge(found string) error {
	return setting.Errorf("%w: %s: the limit is %d bytes, %s: raise %s if the URL is correct", ErrTooLarge, redacted(d.url), d.MaxBytes, found, setting.MaxBytes)
}
