package server

import (
	"io"
	"net/http"
	"strings"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// limitBodies returns next behind three bounds on the bodies of requests.
//
// A message that is larger than the limit ends the call as soon as its length is
// known. Connect would read an oversize gRPC message to its end first.
//
// A message has its memory reserved before it is read: the first one of a request is
// refused where there is none, so that an overload is answered while it is cheap.
//
// A body must arrive at a least rate, also one that nobody reads: net/http reads it
// before it answers on HTTP/1.1. A stream, which needs HTTP/2, may rest between its
// messages for as long as it likes, but not within a large one, whose memory it holds.
// net/http's own timeouts do neither: ReadHeaderTimeout ends before the body, and
// ReadTimeout would cut streams.
func limitBodies(next http.Handler, streaming map[string]bool, options Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		account := admission.NewAccount(budgetOf(r, options), HeldTimes)
		defer account.Close()
		ctx := admission.WithAccount(r.Context(), account)
		b := &bounds{meter: meter{account: account, limit: options.MaxMessageBytes}}
		b.pace.init(w, options)
		defer b.pace.stop()
		pace, meter := &b.pace, &b.meter
		stream := streaming[r.URL.Path]
		if stream {
			meter.wait = func(size int64) error { return account.Add(ctx, size) }
		}
		// net/http looks at its own request's Body to learn whether a connection
		// can be used again: replaced there, what a caller left of an unread body
		// would be taken for its next requests. So the wrappers go into a copy.
		inner := r.WithContext(ctx)
		paced := stream && r.ProtoMajor > 1
		if !paced {
			inner.Body = b.timed.init(inner.Body, pace)
		}
		if isEnveloped(r.Header.Get("Content-Type")) {
			body := &b.envelope
			*body = envelopeBody{ReadCloser: inner.Body, meter: meter, drain: r.ProtoMajor == 1}
			if paced {
				body.pace = pace
			}
			inner.Body = body
		} else {
			inner.Body = newWholeBody(inner, meter)
		}
		next.ServeHTTP(w, inner)
	})
}

// bounds are what one request is bounded by, in one piece of memory.
type bounds struct {
	meter    meter
	pace     pace
	timed    timedBody
	envelope envelopeBody
}

// budgetOf returns the budget that a request counts in. Probes of health count in none:
// they are bounded by themselves, and a server that is busy is not ill.
func budgetOf(r *http.Request, options Options) *admission.Budget {
	if strings.HasPrefix(r.URL.Path, "/"+healthService+"/") {
		return nil
	}
	return options.Budget
}

// isEnveloped reports whether a body is a sequence of messages that each have a
// prefix of five bytes: gRPC's, gRPC-Web's and Connect's streams.
func isEnveloped(contentType string) bool {
	contentType = strings.ToLower(contentType)
	return strings.HasPrefix(contentType, "application/grpc") || strings.HasPrefix(contentType, "application/connect+")
}

// drain reads up to n bytes to nowhere. A client of HTTP/1.1 reads no answer while it
// sends, and loses the answer when the connection is closed under it.
func drain(body io.Reader, n int64) {
	_, _ = io.CopyN(io.Discard, body, n) // a body that ends early is drained
}
