package chaos_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
)

// send sends a request over one protocol. The error of a response that is not the right one
// is a wrongError.
type send func(ctx context.Context, q request) error

// road is a way to the server.
type road struct {
	name  string
	send  send
	large bool // carries large tensors
	image bool // carries an encoded image
}

// httpClient returns a client that connects from an address, with or without HTTP/2. The
// caller closes its idle connections.
func httpClient(from string, h2c bool) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	tr := &http.Transport{Protocols: new(http.Protocols), DialContext: dialer.DialContext}
	tr.Protocols.SetHTTP1(!h2c)
	tr.Protocols.SetUnencryptedHTTP2(h2c)
	return &http.Client{Transport: tr}
}

// clients are the HTTP clients of one address.
type clients struct{ h1, h2 *http.Client }

func newClients(from string) clients { return clients{httpClient(from, false), httpClient(from, true)} }

func (c clients) close() {
	c.h1.CloseIdleConnections()
	c.h2.CloseIdleConnections()
}

// roads returns all protocols, encodings and HTTP versions.
func (c clients) roads(address string) []road {
	url := "http://" + address
	grpc, web, protoJSON := connecthttp.WithGRPC(), connecthttp.WithGRPCWeb(), connecthttp.WithProtoJSON()
	list := []road{
		{name: "gRPC", send: overRPC(c.h2, url, false, grpc), large: true},
		{name: "gRPC, typed contents", send: overRPC(c.h2, url, true, grpc), large: true},
		{name: "gRPC stream", send: overStream(c.h2, url, grpc), large: true},
		{name: "FastPredict, gRPC", send: overFastPredict(c.h2, url, grpc), image: true},
		{name: "StreamPredict, gRPC", send: overPredictStream(c.h2, url, grpc), image: true},
	}
	for version, h := range map[string]*http.Client{"HTTP/1.1": c.h1, "HTTP/2": c.h2} {
		list = append(list,
			road{name: "Connect, " + version, send: overRPC(h, url, false), large: true},
			road{name: "Connect JSON, " + version, send: overRPC(h, url, true, protoJSON)},
			road{name: "gRPC-Web, " + version, send: overRPC(h, url, false, web), large: true},
			road{name: "REST JSON, " + version, send: overREST(h, url, false)},
			road{name: "REST binary, " + version, send: overREST(h, url, true), large: true},
			road{name: "REST image, " + version, send: overImage(h, url), image: true},
			road{name: "FastPredict, " + version, send: overFastPredict(h, url), image: true},
		)
	}
	slices.SortFunc(list, func(a, b road) int { return cmp.Compare(a.name, b.name) })
	return list
}

// count is what became of the requests over one road.
type count struct {
	right, retryable, wrong, failed int
	slowest                         time.Duration
}

// tally counts the requests on healthy models. It is safe for concurrent use.
type tally struct {
	mu    sync.Mutex
	roads map[string]count
	// violations are the first errors that no client should get.
	violations []string
}

// maxViolations bounds the violations that are printed.
const maxViolations = 20

// add counts a request.
func (t *tally) add(road string, q request, err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.roads[road]
	c.slowest = max(c.slowest, took)
	_, wrong := errors.AsType[*wrongError](err)
	switch {
	case err == nil:
		c.right++
	case wrong:
		c.wrong++
	case retryable(err):
		c.retryable++
	default:
		c.failed++
	}
	if err != nil && !retryable(err) && len(t.violations) < maxViolations {
		t.violations = append(t.violations, fmt.Sprintf("%s %s, model %s, after %v: %v", time.Now().UTC().Format(time.TimeOnly), road, q.model, took.Round(time.Millisecond), err))
	}
	t.roads[road] = c
}

// sum returns the counts of all roads together.
func (t *tally) sum() count {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum count
	for c := range maps.Values(t.roads) {
		sum.right += c.right
		sum.retryable += c.retryable
		sum.wrong += c.wrong
		sum.failed += c.failed
		sum.slowest = max(sum.slowest, c.slowest)
	}
	return sum
}

// retryable reports whether an error asks for a retry, as docs/errors.md says: unavailable
// with the time after which to retry. An error in a stream has only a text.
func retryable(err error) bool {
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.status == http.StatusServiceUnavailable && status.retry
	}
	_, retry := overload.RetryAfter(err)
	return retry && connect.CodeOf(err) == connect.CodeUnavailable
}

// answerTime bounds the time until a response. The server knows it as the deadline of RPCs.
const answerTime = 2 * time.Minute

// traffic sends requests until ctx is done, or until the server answers no more.
type traffic struct {
	models  []model
	roads   []road
	callers int
	seed    uint64
	tally   *tally
	sent    atomic.Int64
}

// run runs the callers, each of which sends its next request when it has its response.
func (f *traffic) run(ctx context.Context) {
	var callers sync.WaitGroup
	for i := range f.callers {
		r := rand.New(rand.NewPCG(f.seed, uint64(i)))
		callers.Go(func() {
			for ctx.Err() == nil {
				f.once(ctx, r)
			}
		})
	}
	callers.Wait()
}

// once sends one request. The end of the traffic does not end it.
func (f *traffic) once(ctx context.Context, r *rand.Rand) {
	to := f.roads[r.IntN(len(f.roads))]
	m := f.models[r.IntN(len(f.models))]
	q := m.ask(r, to.large)
	if to.image && q.image == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	began := time.Now()
	err := to.send(ctx, q)
	f.sent.Add(1)
	f.tally.add(to.name, q, err, time.Since(began))
}

// everyRoad sends a request for each model over each road, and returns the first errors.
func (f *traffic) everyRoad(ctx context.Context) error {
	r := rand.New(rand.NewPCG(f.seed, 1<<32))
	var failures []string
	for _, m := range f.models {
		for _, to := range f.roads {
			q := m.ask(r, to.large)
			if to.image && q.image == nil {
				continue
			}
			if err := to.send(ctx, q); err != nil {
				failures = append(failures, fmt.Sprintf("%s, model %s: %v", to.name, m.name, err))
			}
		}
	}
	if len(failures) == 0 {
		return nil
	}
	return errors.New(strings.Join(failures[:min(len(failures), maxViolations)], "\n"))
}
