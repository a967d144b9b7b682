package server

import (
	"net/http"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// limitBodies is the middleware BodyLimits. It has three bounds on request bodies.
//
// A message above the limit ends the call as soon as its length is known. Connect would read
// an oversize gRPC message to its end first.
//
// Memory for a message is reserved before it is read. The first message of a request is
// rejected where there is none, so that an overload is answered while that is cheap.
//
// A body must arrive with a minimum transfer rate, even one that no handler reads: net/http
// reads it before it answers over HTTP/1.1. A stream, which needs HTTP/2, may pause between
// its messages without limit, but not within a large one, whose memory it holds. net/http's
// own timeouts do neither: ReadHeaderTimeout ends before the body, and ReadTimeout would cut
// streams off.
func limitBodies(streaming map[string]bool, options Options) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:contextcheck // observe derives it from the request's
			e, r := observe(w, r)
			e.pace.init(e.ResponseWriter, r, &e.writes, options)
			defer e.pace.stop()
			if r.Body == nil || r.Body == http.NoBody {
				next.ServeHTTP(e, r)
				return
			}
			account, own := newAccount(r, options)
			defer own.Close()
			defer account.Close()
			e.pace.account = account
			ctx := admission.WithAccount(r.Context(), account)
			b := &bounds{}
			pace := &b.pace
			b.meter = meter{account: account, pace: pace, dropper: newDropper(r, pace, options.MaxMessageBytes), limit: options.MaxMessageBytes}
			meter := &b.meter
			pace.init(e, options)
			defer pace.stop()
			stream := streaming[r.URL.Path]
			if stream {
				meter.wait = func(size int64) error { return account.Add(ctx, size) }
			}
			// Body is replaced in a copy: net/http checks its own request's Body to
			// decide whether a connection can be reused. Replaced there, what a client
			// left of an unread body would be parsed as its next requests.
			inner := r.WithContext(ctx) //nolint:contextcheck // the same
			paced := stream && r.ProtoMajor > 1
			if !paced {
				inner.Body = b.timed.init(inner.Body, pace)
			}
			if envelope.Is(r.Header.Get(wire.HeaderContentType)) {
				body := &b.envelope
				*body = envelopeBody{ReadCloser: inner.Body, meter: meter}
				if paced {
					body.pace = pace
				}
				inner.Body = body
			} else {
				inner.Body = newWholeBody(inner, meter)
			}
			next.ServeHTTP(e, inner)
		})
	}
}

// bounds are the state of one request's bounds, in one piece of memory.
type bounds struct {
	meter    meter
	pace     pace
	timed    timedBody
	envelope envelopeBody
}

// newAccount returns the account that a request's messages are reserved in. Health checks have no
// budget: their size is bounded otherwise, and a busy server is healthy. A request of a connection
// that another server or listener has accepted is a connection of its own.
func newAccount(r *http.Request, options Options) (account *admission.Account, own *admission.Conn) {
	if options.Budget == nil || isHealth(r.URL.Path) {
		return admission.NewAccount(nil, HeldTimes), nil
	}
	if c := connectionOf(r.Context()); c != nil {
		return admission.NewAccountOf(c.share, HeldTimes), nil
	}
	own = options.Budget.Connect(admission.PeerOfText(r.RemoteAddr))
	return admission.NewAccountOf(own, HeldTimes), own
}

// streamingPaths returns the paths whose requests are more than one message.
func streamingPaths(routes []Route) map[string]bool {
	streaming := map[string]bool{}
	for i := range routes {
		if routes[i].Streaming {
			streaming[routes[i].Pattern] = true
		}
	}
	return streaming
}
