package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// action is what to do with a response.
type action int

const (
	// writeWhole: the body is the whole file; earlier bytes have been deleted.
	writeWhole action = iota
	// appendPart: the body continues the bytes in the workspace.
	appendPart
	// complete: no bytes are missing.
	complete
	// startAgain: the bytes in the workspace do not belong to the file.
	startAgain
)

// get requests the file from offset on.
func (d *download) get(ctx context.Context, offset int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "tensorwire")
	// Ranges and sizes count encoded bytes, so the encoding must be identity.
	request.Header.Set("Accept-Encoding", "identity")
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		if validator := d.w.source.validator(); validator != "" {
			request.Header.Set("If-Range", validator)
		}
	}
	client := &http.Client{Transport: d.Transport, CheckRedirect: checkRedirect}
	response, err := client.Do(request)
	if err != nil {
		return nil, d.requestError(err)
	}
	d.reached = true
	return response, nil
}

// evaluate decides what to do with response, by RFC 9110, sections 13.1.5 (If-Range), 14
// (ranges) and 15 (status codes).
func (d *download) evaluate(response *http.Response) (action, error) {
	offset := d.w.size
	switch response.StatusCode {
	case http.StatusOK:
		if err := d.checkEncoding(response); err != nil {
			return 0, err
		}
		return writeWhole, d.beginWhole(response)
	case http.StatusPartialContent:
		if offset > 0 {
			if err := d.checkEncoding(response); err != nil {
				return 0, err
			}
			return d.checkPart(response)
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if offset > 0 {
			return d.rangeNotSatisfiable(response), nil
		}
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 0, &retryError{err: d.statusError(response), after: retryAfter(response.Header)}
	}
	return 0, d.statusError(response)
}

// checkEncoding rejects a body with a content encoding.
func (d *download) checkEncoding(response *http.Response) error {
	encoding := response.Header.Get("Content-Encoding")
	if encoding == "" || strings.EqualFold(encoding, "identity") {
		return nil
	}
	return fmt.Errorf("%s: the server sent Content-Encoding %q, although identity was requested: use a URL without compression", redacted(d.url), encoding)
}

func (d *download) statusError(response *http.Response) error {
	return fmt.Errorf("%s: the server returned %s", redacted(d.url), response.Status)
}

// beginWhole prepares for a body with the whole file.
func (d *download) beginWhole(response *http.Response) error {
	next := source{Size: response.ContentLength}
	next.ETag, next.LastModified = validators(response.Header)
	if next.Size > d.MaxBytes {
		return d.tooLarge(fmt.Sprintf("the file has %d", next.Size))
	}
	if next.Size < 0 && len(response.TransferEncoding) == 0 && d.digest == nil {
		return setting.Errorf("%s: the response has no length, so a truncated file cannot be detected: set %s to the digest of the file", redacted(d.url), setting.SHA256)
	}
	if d.w.size > 0 {
		why := "the server sent the whole file"
		if now := cmp.Or(next.ETag, next.LastModified); now != "" && now != d.w.source.validator() {
			why = "the file has changed on the server"
		}
		d.Notice("restarting: " + why)
	}
	return d.restart(next)
}

// checkPart checks that a part is the requested one, of the same file.
func (d *download) checkPart(response *http.Response) (action, error) {
	known := &d.w.source
	start, size, ok := contentRange(response.Header)
	if !ok || start != d.w.size || (known.Size >= 0 && size != known.Size) || known.differsFrom(response.Header) {
		d.Notice("restarting: the server sent another part than the requested one, or of another file")
		return startAgain, nil
	}
	if size > d.MaxBytes {
		return 0, d.tooLarge(fmt.Sprintf("the file has %d", size))
	}
	known.Size = size
	return appendPart, nil
}

// rangeNotSatisfiable evaluates a response 416: the file may be complete already.
func (d *download) rangeNotSatisfiable(response *http.Response) action {
	size := d.w.source.Size
	if found, ok := strings.CutPrefix(response.Header.Get("Content-Range"), "bytes */"); ok {
		n, err := strconv.ParseInt(found, 10, 64)
		if err != nil || (size >= 0 && n != size) {
			n = -1
		}
		size = n
	}
	if size == d.w.size && !d.w.source.differsFrom(response.Header) {
		d.w.source.Size = size
		return complete
	}
	d.Notice("restarting: the file has changed on the server")
	return startAgain
}

// differsFrom reports whether header has another validator than s. Servers should
// evaluate If-Range themselves; some do not.
func (s source) differsFrom(header http.Header) bool {
	differ := func(known, found string) bool { return known != "" && found != "" && found != known }
	return differ(s.ETag, header.Get("ETag")) || differ(s.LastModified, header.Get("Last-Modified"))
}

// validators returns the ETag or the Last-Modified of header if it is strong, as
// RFC 9110, section 13.1.5, requires for If-Range: a date only without an ETag, and only
// if it is at least a second before the response's Date.
func validators(header http.Header) (etag, lastModified string) {
	if etag = header.Get("ETag"); etag != "" {
		if strings.HasPrefix(etag, "W/") {
			return "", ""
		}
		return etag, ""
	}
	lastModified = header.Get("Last-Modified")
	modified, err := http.ParseTime(lastModified)
	date, dateErr := http.ParseTime(header.Get("Date"))
	if errors.Join(err, dateErr) != nil || date.Sub(modified) < time.Second {
		return "", ""
	}
	return "", lastModified
}

// contentRange reads "bytes start-end/size".
func contentRange(header http.Header) (start, size int64, ok bool) {
	found, ok := strings.CutPrefix(header.Get("Content-Range"), "bytes ")
	span, sizeText, slash := strings.Cut(found, "/")
	startText, endText, dash := strings.Cut(span, "-")
	if !ok || !slash || !dash {
		return 0, 0, false
	}
	start, startErr := strconv.ParseInt(startText, 10, 64)
	end, endErr := strconv.ParseInt(endText, 10, 64)
	size, sizeErr := strconv.ParseInt(sizeText, 10, 64)
	if errors.Join(startErr, endErr, sizeErr) != nil {
		return 0, 0, false
	}
	return start, size, 0 <= start && start <= end && end < size
}

// retryAfter reads Retry-After, in seconds or as a date.
func retryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(time.Until(date).Round(time.Second), 0)
	}
	return 0
}
