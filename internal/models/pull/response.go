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
)

// verdict is what an answer means for the bytes that are there.
type verdict int

const (
	// fromStart: the body is the whole file; what was there has been deleted.
	fromStart verdict = iota
	// goesOn: the body follows on what is there.
	goesOn
	// whole: nothing is missing.
	whole
	// again: what is there does not belong to the file.
	again
)

// get asks for the file from the byte at offset on.
func (d *download) get(ctx context.Context, offset int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "tensorwire")
	// Ranges and sizes count the bytes that are sent: they must be the file's.
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
		return nil, d.unanswered(err)
	}
	d.answered = true
	return response, nil
}

// judge says what response means. It follows RFC 9110, sections 13.1.5 (If-Range), 14
// (ranges) and 15.
func (d *download) judge(response *http.Response) (verdict, error) {
	offset := d.w.size
	switch response.StatusCode {
	case http.StatusOK:
		if err := d.plain(response); err != nil {
			return 0, err
		}
		return fromStart, d.begin(response)
	case http.StatusPartialContent:
		if offset > 0 {
			if err := d.plain(response); err != nil {
				return 0, err
			}
			return d.continued(response)
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if offset > 0 {
			return d.beyond(response), nil
		}
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 0, &retryError{err: d.refused(response), after: retryAfter(response.Header)}
	}
	return 0, d.refused(response)
}

// plain refuses a body that is not the file's own bytes.
func (d *download) plain(response *http.Response) error {
	encoding := response.Header.Get("Content-Encoding")
	if encoding == "" || strings.EqualFold(encoding, "identity") {
		return nil
	}
	return fmt.Errorf("%s: the server sends it with Content-Encoding %q, though asked for the plain bytes: take it from an address that gives these", shown(d.url), encoding)
}

func (d *download) refused(response *http.Response) error {
	return fmt.Errorf("%s: the server answers %s", shown(d.url), response.Status)
}

// begin prepares for a body that is the whole file.
func (d *download) begin(response *http.Response) error {
	next := source{Size: response.ContentLength}
	next.ETag, next.LastModified = validators(response.Header)
	if next.Size > d.MaxBytes {
		return d.tooLarge(fmt.Sprintf("the server announces %d", next.Size))
	}
	if next.Size < 0 && len(response.TransferEncoding) == 0 && d.digest == nil {
		return fmt.Errorf("%s: the server does not say how long the file is, so that a cut cannot be told from its end: give the SHA-256", shown(d.url))
	}
	if d.w.size > 0 {
		why := "the server sends the whole file again"
		if now := cmp.Or(next.ETag, next.LastModified); now != "" && now != d.w.source.validator() {
			why = "the file has changed on the server"
		}
		d.Notice("starting over: " + why)
	}
	return d.startOver(next)
}

// continued checks that a part is the one that was asked for, of the same file.
func (d *download) continued(response *http.Response) (verdict, error) {
	known := &d.w.source
	start, size, ok := contentRange(response.Header)
	if !ok || start != d.w.size || (known.Size >= 0 && size != known.Size) || known.differs(response.Header) {
		d.Notice("starting over: the server sent another part than was asked for, or of another file")
		return again, nil
	}
	if size > d.MaxBytes {
		return 0, d.tooLarge(fmt.Sprintf("the file has %d", size))
	}
	known.Size = size
	return goesOn, nil
}

// beyond judges the answer that there is nothing after the bytes that are there.
func (d *download) beyond(response *http.Response) verdict {
	size := d.w.source.Size
	if found, ok := strings.CutPrefix(response.Header.Get("Content-Range"), "bytes */"); ok {
		n, err := strconv.ParseInt(found, 10, 64)
		if err != nil || (size >= 0 && n != size) {
			n = -1
		}
		size = n
	}
	if size == d.w.size && !d.w.source.differs(response.Header) {
		d.w.source.Size = size
		return whole
	}
	d.Notice("starting over: the file has changed on the server")
	return again
}

// differs says whether header is that of another file than s. Servers are to look at
// If-Range themselves; some do not.
func (s source) differs(header http.Header) bool {
	differ := func(known, found string) bool { return known != "" && found != "" && found != known }
	return differ(s.ETag, header.Get("ETag")) || differ(s.LastModified, header.Get("Last-Modified"))
}

// validators returns the ETag or the Last-Modified of header where it is strong, as
// RFC 9110 demands for If-Range: a date only where there is no ETag at all, and where
// it lies a second or more before the answer's.
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
