package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// mostCallers is the larger number of requests in flight; the smaller is 1.
const mostCallers = 4

// warmUp is how long each route is called before it is measured.
const warmUp = 300 * time.Millisecond

// route is one way to ask a server.
type route struct {
	protocol string
	version  httpVersion
	input    string
	server   *process.Process
	predict  predict // nil for the floor
	do       call
	// rounds has the samples by the number of callers.
	rounds map[int][]sample
}

// baseRoute is the one that the others are compared with.
const baseRoute = 0

func newRoutes(b *bench) []*route {
	asBytes, asFloats := b.image.asBytes(imageModel), b.image.asFloats(imageModel)
	grpc := dial(b.tensorwire, http2, connecthttp.WithGRPC())
	routes := []*route{
		{protocol: "gRPC", version: http2, input: "`bytes`", predict: fast(grpc, asBytes)},
		{protocol: "gRPC", version: http2, input: "`repeated float`", predict: general(grpc, asFloats)},
	}
	for _, version := range []httpVersion{http2, http1} {
		web := dial(b.tensorwire, version, connecthttp.WithGRPCWeb())
		binary := dial(b.tensorwire, version)
		routes = append(routes,
			&route{protocol: "gRPC-Web", version: version, input: "`bytes`", predict: fast(web, asBytes)},
			&route{protocol: "Connect, Protobuf", version: version, input: "`bytes`", predict: fast(binary, asBytes)})
	}
	json := dial(b.tensorwire, http1, connecthttp.WithProtoJSON())
	routes = append(routes,
		&route{protocol: "Connect, JSON", version: http1, input: "base64", predict: fast(json, asBytes)},
		&route{protocol: "Connect, JSON", version: http1, input: "numbers", predict: general(json, asFloats)})
	for _, r := range routes {
		r.server, r.do = b.tensorwire, r.predict.call()
	}
	for _, version := range []httpVersion{http2, http1} {
		routes = append(routes, &route{
			protocol: "HTTP alone", version: version, input: "bytes",
			server: b.floor, do: put(b.floor, version, b.image.bytes()),
		})
	}
	return routes
}

// roundTrips compares the protocols against the running server.
func roundTrips(ctx context.Context, b *bench) (*report.Report, error) {
	routes := newRoutes(b)
	if err := checkRoutes(ctx, routes); err != nil {
		return nil, err
	}
	callers := []int{1, mostCallers}
	for _, r := range routes {
		r.rounds = map[int][]sample{}
		if _, err := (timedLoad{callers: mostCallers, duration: warmUp}).run(ctx, r.do); err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
	}
	for range b.rounds {
		for _, n := range callers {
			for _, r := range routes {
				s, err := timedLoad{callers: n, duration: b.duration, server: r.server}.run(ctx, r.do)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", r, err)
				}
				r.rounds[n] = append(r.rounds[n], s)
			}
		}
	}
	out := &report.Report{}
	out.Add(report.Paragraph(fmt.Sprintf("The same image to `%s`, a model that costs next to nothing, in the server's own process; the Go client runs on the same machine and shares its cores. "+
		"× is against gRPC with `bytes`, the first row.", imageModel)))
	for _, n := range callers {
		out.Add(report.Paragraph(inFlight(n)), routesTable(routes, n))
	}
	out.Add(report.Paragraph("HTTP/2 is h2c on one connection, HTTP/1.1 one connection for each request in flight. " +
		"HTTP alone is the same HTTP server that reads as many bytes and answers, without RPC, message and model. " +
		"CPU is the user and system time of the server's process."))
	return out, nil
}

func inFlight(callers int) string {
	if callers == 1 {
		return "One request in flight:"
	}
	return fmt.Sprintf("%d requests in flight:", callers)
}

func routesTable(routes []*route, callers int) *report.Table {
	t := report.NewTable(3, "protocol", "over", "input", "p50", "p99", "requests/s", "server CPU per request")
	base := medians(routes[baseRoute].rounds[callers])
	for _, r := range routes {
		m := medians(r.rounds[callers])
		cpu := "n/a"
		if m.CPU > 0 {
			cpu = report.Compared(report.Time(m.CPU), m.CPU, base.CPU)
		}
		t.Row(r.protocol, string(r.version), r.input,
			report.Compared(report.Time(m.P50), m.P50, base.P50), report.Time(m.P99), report.Count(m.Rate), cpu)
	}
	return t
}

// String names the route in an error.
func (r *route) String() string { return fmt.Sprintf("%s over %s, %s", r.protocol, r.version, r.input) }

// checkRoutes asks once over each route, and reports whether all give the same
// answer.
func checkRoutes(ctx context.Context, routes []*route) error {
	var want *modelserving.InferenceResponse
	for _, r := range routes {
		if r.predict == nil {
			continue
		}
		got, err := r.predict(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", r, err)
		}
		if want == nil {
			want = got
		}
		if len(got.GetPredictions()) == 0 || !slices.Equal(got.GetPredictions(), want.GetPredictions()) {
			return errors.Join(errors.New("the routes answer differently"), fmt.Errorf("%s: %v, not %v", r, got.GetPredictions(), want.GetPredictions()))
		}
	}
	return nil
}
