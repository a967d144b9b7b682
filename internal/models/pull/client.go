package pull

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const maxRedirects = 10

// errRedirect says that a redirect was not followed.
var errRedirect = errors.New("the server redirects")

// newTransport speaks HTTP/1.1, each request on a connection of its own: a try after
// a stall must not meet the connection that stalled, as it would on HTTP/2.
func newTransport() http.RoundTripper {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		Protocols:           protocols,
		DisableKeepAlives:   true,
		DisableCompression:  true,
	}
}

// checkRedirect follows redirects to http and https, but not from https to http:
// whoever asks for a protected connection gets no other.
func checkRedirect(request *http.Request, via []*http.Request) error {
	// It would tell the next server this one's signed URL.
	request.Header.Del("Referer")
	from, to := via[len(via)-1].URL, request.URL
	switch {
	case to.Scheme != "http" && to.Scheme != "https":
		return fmt.Errorf("%w to %s, which is neither http nor https", errRedirect, shown(to))
	case from.Scheme == "https" && to.Scheme == "http":
		return fmt.Errorf("%w from https to %s, which is not protected: give an https URL that stays so", errRedirect, shown(to))
	case len(via) > maxRedirects:
		return fmt.Errorf("%w more than %d times", errRedirect, maxRedirects)
	}
	return nil
}

// unanswered returns the error of a request that got no answer: a retryError where
// the connection broke, or cannot be made though it could before. A name or an address
// that was never reached is more likely wrong.
func (d *download) unanswered(err error) error {
	// Its text has the whole URL, of which the query may be secret.
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if errors.Is(err, errRedirect) {
		return fmt.Errorf("%s: %w", shown(d.url), err)
	}
	err = fmt.Errorf("%s: no answer: %w", shown(d.url), err)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &retryError{err: err}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if op.Op == "read" || op.Op == "write" || d.answered {
			return &retryError{err: err}
		}
		return err
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return &retryError{err: err}
	}
	return err
}
