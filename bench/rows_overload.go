package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/load"
)

const (
	overloadBudget   = 64 << 20 // the server's memory budget, in bytes
	overloadInFlight = 4096     // at the client
	peakCallers      = 8        // keep the model busy, to find the peak rate
	// oneInstance leaves one core to the model, and the others to the requests.
	oneInstance = 1
)

// watched is a server whose metrics are read, on a connection of their own.
type watched struct {
	*server
	http *http.Client
}

// withOneInstance runs Tensorwire with one instance of a model and args, while do runs.
func (b *bench) withOneInstance(ctx context.Context, m servedModel, args []string, do func(watched) error) error {
	return b.withServer(ctx, []servedModel{m}, append([]string{"--instances", strconv.Itoa(oneInstance)}, args...), func(s *server, _ string) error {
		return do(watched{s, newHTTPClient(http1)})
	})
}

// metrics reads the server's metrics in Prometheus's text format.
func (w watched) metrics(ctx context.Context) (string, error) {
	text, err := exchange(ctx, w.http, http.MethodGet, w.base+"/metrics", "text/plain", nil)
	return string(text), err
}

// sumMetric returns the sum of the series of a metric that have a label, such as
// reason="busy"; "" for all series.
func sumMetric(metrics, name, label string) (sum float64) {
	for line := range strings.Lines(metrics) {
		at := strings.LastIndexByte(line, ' ') // labels may contain blanks
		family, labels, _ := strings.Cut(line[:max(at, 0)], "{")
		if family == name && strings.Contains(labels, label) {
			value, _ := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64) // the server writes numbers
			sum += value
		}
	}
	return sum
}

// serverCounts are the server's counts of requests.
type serverCounts struct {
	succeeded, failed, refused, canceled int64
	failing                              time.Duration // sum of the failed requests
	runs                                 int64         // of the model
}

// counts reads the counts, and subtracts earlier ones, when the server has no request in
// flight: it may not know yet that a client has canceled one.
func (w watched) counts(ctx context.Context, earlier serverCounts) (c serverCounts, err error) {
	metrics, err := w.metrics(ctx)
	for err == nil && sumMetric(metrics, "tensorwire_requests_in_flight", "") > 0 {
		metrics, err = w.metrics(ctx)
	}
	if err != nil {
		return c, err
	}
	notRun := func(reason string) int64 {
		return int64(sumMetric(metrics, "tensorwire_requests_not_run_total", `reason="`+reason+`"`))
	}
	statistics, err := dialInference(w.base).ModelStatistics(ctx, &inference.ModelStatisticsRequest{})
	for _, stats := range statistics.GetModelStats() {
		c.succeeded += int64(stats.GetInferenceStats().GetSuccess().GetCount())
		c.failed += int64(stats.GetInferenceStats().GetFail().GetCount())
		c.failing += time.Duration(stats.GetInferenceStats().GetFail().GetNs())
		c.runs += int64(stats.GetExecutionCount())
	}
	c.refused = notRun("queue_full") + notRun("busy") + notRun("timeout") + notRun("failing") - earlier.refused
	c.canceled = notRun("cancelled") - earlier.canceled
	c.succeeded, c.failed, c.failing, c.runs = c.succeeded-earlier.succeeded, c.failed-earlier.failed, c.failing-earlier.failing, c.runs-earlier.runs
	return c, err
}

type overloaded struct {
	load.Tally
	peak         float64 // rate of the closed loop, before and after the overload
	sent, unsent int
	served       serverCounts
	// server and client are CPU times of the open loop, which lasted for took, including
	// the wait for the last responses.
	server, client, took time.Duration
	// before is the server's memory after its first peak load, and highest its peak.
	before, highest int64
}

// accepted is the number of requests that the server did not refuse, and lost those of
// them without a response.
func (o *overloaded) accepted() int64 { return o.served.succeeded + o.served.failed - o.served.refused }
func (o *overloaded) lost() int64     { return o.accepted() - o.Count(load.Answered) }

// unheard is the number of requests that expired or failed at the client and were not
// accepted: their refusal, or they themselves, were on the way.
func (o *overloaded) unheard() int64 {
	return o.Count(load.Expired) + o.Count(load.Failed) - o.lost()
}

// overload sends more requests than the model can run.
func overload(ctx context.Context, b *bench) (report.Report, error) {
	counts := report.NewTable(1, "load", "peak, responses/s", "sent/s", "responses/s", "of the peak", "accepted", "lost", "refused", "unheard")
	costs := report.NewTable(1, "load", "response p50", "response p99", "refusal p50", "refusal p99", "in the server", "server CPU", "client CPU", "memory before", "bound", "peak")
	graph, _ := model.Heavy()
	heavy := servedModel{name: heavyModel, graph: graph}
	var notes report.Report
	for _, c := range []struct {
		name     string
		times    int
		deadline time.Duration // 0: none
		model    servedModel
		request  *modelserving.FastInferenceRequest
	}{
		{"2 times", 2, 0, plain(), b.plainRequest()},
		{"10 times", 10, 0, plain(), b.plainRequest()},
		{"2 times, within 500 ms", 2, 500 * time.Millisecond, plain(), b.plainRequest()},
		{"10 times, within 500 ms", 10, 500 * time.Millisecond, plain(), b.plainRequest()},
		{"2 times, 602 kB each", 2, 0, heavy, b.imageAsBytes(heavyModel)},
	} {
		message, errMessage := proto.Marshal(c.request)
		o, err := b.overloadWith(ctx, c.times, c.deadline, c.model, message)
		if err = errors.Join(errMessage, err); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if o.unsent > 0 || o.FirstFailure != nil {
			notes = append(notes, report.Paragraphf("%s: %s requests were not sent, because %s were in flight; %s failed otherwise, the first with: %v", c.name, report.Count(o.unsent), report.Count(overloadInFlight), report.Count(o.Count(load.Failed)), o.FirstFailure))
		}
		refusal := "–" // the mean time of a refusal in the server, if nothing else failed
		if o.served.failed == o.served.refused && o.served.failed > 0 {
			refusal = report.Time(o.served.failing / time.Duration(o.served.failed))
		}
		goodput := float64(o.InTime) / b.overload.Seconds()
		counts.Row(c.name, report.Count(o.peak), report.Count(float64(o.sent)/b.overload.Seconds()), report.Count(goodput), report.Percent(goodput, o.peak),
			report.Count(o.accepted()), report.Count(o.lost()), report.Count(o.Count(load.Refused)), report.Count(o.unheard()))
		costs.Row(c.name, report.Time(o.Percentile(load.Answered, 50)), report.Time(o.Percentile(load.Answered, 99)),
			report.Time(o.Percentile(load.Refused, 50)), report.Time(o.Percentile(load.Refused, 99)), refusal,
			report.Percent(o.server, o.took), report.Percent(o.client, o.took),
			report.Bytes(o.before), report.Bytes(o.before+overloadBudget), report.Bytes(o.highest))
	}
	return append(report.Report{
		report.Paragraphf("Requests arrive at a multiple of the server's peak rate, independently of each other, for %v. The model is `%s`, a network for images of 3 kB, and `%s` for those of 602 kB. The server has `--instances %d --memory-budget %dMiB` and is started for each row. The peak is that of %d callers in a closed loop, before and after.",
			b.overload, plainModel, heavyModel, oneInstance, overloadBudget>>20, peakCallers), counts,
		report.Paragraph("Accepted is what the server did not refuse, by its own count; lost is the part of it without a response. Refused requests got an overload error that says when to retry. Unheard requests ended before the client received either."), costs,
		report.Paragraph("The client measures refusals. In the server is the mean time from the handler's start to the refusal, where all failures were refusals. CPU is of one core. Memory is PSS: after the first peak load, the same plus the memory budget, and the peak."),
	}, notes...), nil
}

// overloadWith measures one row: a load of some times the peak rate.
func (b *bench) overloadWith(ctx context.Context, times int, deadline time.Duration, m servedModel, message []byte) (*overloaded, error) {
	request := load.NewRequest(modelservingconnect.PredictorFastPredictProcedure, message, deadline)
	patient := load.NewRequest(modelservingconnect.PredictorFastPredictProcedure, message, 0)
	o := &overloaded{}
	err := b.withOneInstance(ctx, m, []string{"--memory-budget", strconv.Itoa(overloadBudget), "--max-message-bytes", strconv.Itoa(overloadBudget / 4)}, func(s watched) error {
		c := newLoadClient(s.base)
		defer c.Close()
		defer context.AfterFunc(ctx, c.Close)()
		do := func(ctx context.Context, _ int) error { return c.Call(ctx, patient, hasPredictions) }
		peakBefore, err := b.peakRate(ctx, do)
		if err != nil {
			return err
		}
		var errMemory error
		o.before, _, errMemory = s.Memory()
		earlier, err := s.counts(ctx, serverCounts{})
		if err = errors.Join(err, errMemory); err != nil {
			return err
		}
		serverClock, clientClock, start := load.StartClock(s), load.StartClock(self()), time.Now()
		o.End = start.Add(b.overload)
		loop := load.Open{Rate: float64(times) * peakBefore, Duration: b.overload, MaxInFlight: overloadInFlight, Random: rand.New(rand.NewPCG(5, 6))}
		o.sent, o.unsent = loop.Run(ctx, func(arrived time.Time, ended func()) {
			c.Send(ctx, request, func(message []byte, err error) {
				defer ended()
				if err == nil {
					err = hasPredictions(message)
				}
				o.Add(arrived, time.Now(), err)
			})
		})
		o.server, o.client, o.took = serverClock(), clientClock(), time.Since(start)
		_, o.highest, errMemory = s.Memory()
		var errCounts error
		o.served, errCounts = s.counts(ctx, earlier)
		peakAfter, err := b.peakRate(ctx, do)
		o.peak = (peakBefore + peakAfter) / 2
		return errors.Join(err, errMemory, errCounts)
	})
	return o, err
}

func hasPredictions(message []byte) error {
	var res modelserving.InferenceResponse
	if err := proto.Unmarshal(message, &res); err != nil {
		return err
	}
	if len(res.GetPredictions()) == 0 {
		return errors.New("the response has no predictions")
	}
	return nil
}

func (b *bench) peakRate(ctx context.Context, do call) (float64, error) {
	loop := load.Closed{Callers: peakCallers, Duration: warmup}
	if _, err := loop.Run(ctx, do); err != nil {
		return 0, err
	}
	loop.Duration = min(2*time.Second, b.overload)
	s, err := loop.Run(ctx, do)
	return s.Rate, err
}
