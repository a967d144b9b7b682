// Package limit bounds what one client may do at once and per second.
package limit

import (
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

const (
	// DefaultMaxClients bounds the clients that are counted one by one.
	DefaultMaxClients = 16_384
	// searched is how many clients are looked at to find one that is idle.
	searched = 64
	// streamWait is when a client with too many streams is asked to retry.
	streamWait = time.Second
)

// Options are the limits of each client. Zero values have no limit.
type Options struct {
	// Rate is in requests per second. A client that was idle may send those of one second at once.
	Rate int
	// Streams bounds the streams that are open at once.
	Streams int
	// MaxClients bounds the clients that are counted one by one. Further ones share one count
	// until others are idle. 0: DefaultMaxClients.
	MaxClients int
}

// Limiter bounds the requests of each client. It is safe for concurrent use. A nil Limiter has no
// limits.
type Limiter struct {
	options Options

	mu      sync.Mutex // for all below
	clients map[string]*client
	others  *client // of clients that are not counted one by one
}

type client struct {
	requests *rate.Limiter
	streams  int
}

// New returns a limiter; nil where options have no limits.
func New(options Options) *Limiter {
	if options.Rate == 0 && options.Streams == 0 {
		return nil
	}
	if options.MaxClients == 0 {
		options.MaxClients = DefaultMaxClients
	}
	l := &Limiter{options: options, clients: map[string]*client{}}
	l.others = l.newClient()
	return l
}

func (l *Limiter) newClient() *client {
	if l.options.Rate == 0 {
		return &client{requests: rate.NewLimiter(rate.Inf, 0)}
	}
	return &client{requests: rate.NewLimiter(rate.Limit(l.options.Rate), l.options.Rate)}
}

// Admit counts a request of the client with a key. The caller calls release, once, when it has
// ended. The error is an [*Error].
func (l *Limiter) Admit(key string, stream bool) (release func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clientLocked(key, now)
	if stream && l.options.Streams > 0 && c.streams >= l.options.Streams {
		return nil, &Error{wait: streamWait, text: fmt.Sprintf("client has %d open streams, the limit is %d (%s): end one, then retry", c.streams, l.options.Streams, setting.ClientStreams)}
	}
	if reservation := c.requests.ReserveN(now, 1); reservation.DelayFrom(now) > 0 {
		wait := reservation.DelayFrom(now)
		reservation.CancelAt(now)
		return nil, &Error{wait: wait, text: fmt.Sprintf("client sends more than %d requests per second (%s): send fewer, or retry later", l.options.Rate, setting.ClientRate)}
	}
	if !stream {
		return func() {}, nil
	}
	c.streams++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		c.streams--
	}, nil
}

// clientLocked returns the count of a client.
func (l *Limiter) clientLocked(key string, now time.Time) *client {
	if c := l.clients[key]; c != nil {
		return c
	}
	if len(l.clients) >= l.options.MaxClients && !l.forgetLocked(now) {
		return l.others
	}
	c := l.newClient()
	l.clients[key] = c
	return c
}

// forgetLocked forgets idle clients, and reports whether it has found any. Go's order of a map is
// random enough: each call looks at others.
func (l *Limiter) forgetLocked(now time.Time) bool {
	seen, found := 0, false
	for key, c := range l.clients {
		if seen++; seen > searched {
			break
		}
		idle := l.options.Rate == 0 || c.requests.TokensAt(now) >= math.Nextafter(float64(l.options.Rate), 0)
		if c.streams == 0 && idle {
			delete(l.clients, key)
			found = true
		}
	}
	return found
}

// Error reports a client above one of its limits. It is an overload error: see package overload.
type Error struct {
	wait time.Duration
	text string
}

// Error implements error. The text is for the client.
func (e *Error) Error() string { return e.text }

// RetryAfter returns the wait before a retry.
func (e *Error) RetryAfter() time.Duration { return e.wait }
