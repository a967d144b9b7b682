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

// errRedirect reports a redirect that was not followed.
var errRedirect = errors.New("the server redirects")

// newTransport returns an HTTP/1.1 transport with a new connection for each request: a
// retry after a stall must not reuse the stalled connection, as HTTP/2 would.
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

// checkRedirect follows redirects to http and https, but not from https to http, which
// would remove the protection that the user asked for.
func checkRedirect(request *http.Request, via []*http.Request) error {
	// It would disclose a signed URL to the next server.
	request.Header.Del("Referer")
	from, to := via[len(via)-1].URL, request.URL
	switch {
	case to.Scheme != "http" && to.Scheme != "https":
		return fmt.Errorf("%w to %s, which is neither http nor https", errRedirect, redacted(to))
	case from.Scheme == "https" && to.Scheme == "http":
		return fmt.Errorf("%w from https to %s, which is not encrypted: use an https URL that redirects only to https", errRedirect, redacted(to))
	case len(via) > maxRedirects:
		return fmt.Errorf("%w more than %d times", errRedirect, maxRedirects)
	}
	return nil
}

// requestError returns the error of a request without a response. It is a retryError if
// the connection broke, or if connecting fails after it succeeded before. A host that
// was never reached is more likely a wrong address.
func (d *download) requestError(err error) error {
	// Its text contains the full URL, whose query may be secret.
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if errors.Is(err, errRedirect) {
		return fmt.Errorf("%s: %w", redacted(d.url), err)
	}
	err = fmt.Errorf("%s: no response: %w", redacted(d.url), err)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &retryError{err: err}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if op.Op == "read" || op.Op == "write" || d.reached {
			return &retryError{err: err}
		}
		return err
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return &retryError{err: err}
	}
	return err
}
