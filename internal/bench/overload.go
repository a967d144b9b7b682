package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/bench/load"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
	"github.com/tensorwire/tensorwire/internal/bench/wire"
)

const (
	// overloadBudget is the server's memory budget, in bytes.
	overloadBudget = 64 << 20
	// overloadDeadline is how long a caller waits that has a deadline.
	overloadDeadline = 500 * time.Millisecond
	// overloadMost bounds the requests in flight at the client.
	overloadMost = 4096
	// peakTime is how long the closed loop lasts that finds the capacity, with so many
	// callers that the model never waits for one.
	peakTime    = 2 * time.Second
	peakCallers = 8
)

// overloadCase is one row: how many times the capacity is asked for, and how long
// callers wait; 0: for ever.
type overloadCase struct {
	name     string
	times    int
	deadline time.Duration
	model    servedModel
	request  *modelserving.FastInferenceRequest
}

func overloadCases(b *bench) []overloadCase {
	graph, _ := model.Heavy()
	heavy := servedModel{name: heavyModel, file: graph.Encode()}
	small, large := plainRequest(b), b.image.asBytes(heavyModel)
	return []overloadCase{
		{"2 times", 2, 0, plain(), small},
		{"10 times", 10, 0, plain(), small},
		{"2 times, within 500 ms", 2, overloadDeadline, plain(), small},
		{"10 times, within 500 ms", 10, overloadDeadline, plain(), small},
		{"2 times, 602 kB each", 2, 0, heavy, large},
	}
}

// overloadFigures are what was seen of one row.
type overloadFigures struct {
	tally
	// peak is the closed loop's answers in a second, before and after the overload.
	peak         float64
	sent, unsent int
	// served is what the server counted in the open loop.
	served serverCounts
	// server and client are the CPU time that the processes took in the open loop, which
	// lasted for took, waiting for the last answers included.
	server, client, took time.Duration
	// before is the resident memory that the server has after its peak load, and most
	// what it ever had, in bytes.
	before, most int64
}

// lost is how many requests the server accepted that have no answer.
func (f *overloadFigures) lost() int64 { return f.served.accepted() - f.count(answered) }

// unheard is how many gave up, or failed, that the server had not accepted: their refusal
// was under way, or they were.
func (f *overloadFigures) unheard() int64 { return f.count(expired) + f.count(failed) - f.lost() }

// overload sends more than the server can do.
func overload(ctx context.Context, b *bench) (*report.Report, error) {
	counts := report.NewTable(1, "load", "peak, answers/s", "sent/s", "answers/s", "of the peak", "accepted", "lost", "refused", "unheard")
	costs := report.NewTable(1, "load", "answer p50", "answer p99", "refusal p50", "refusal p99", "in the server", "server CPU", "client CPU", "memory before", "bound", "peak")
	var notes []report.Block
	for _, c := range overloadCases(b) {
		f, err := measureOverload(ctx, b, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if f.unsent > 0 {
			notes = append(notes, report.Paragraph(fmt.Sprintf("%s: %s requests were not sent, since %s were in flight.", c.name, report.Count(f.unsent), report.Count(overloadMost))))
		}
		if f.first != nil {
			notes = append(notes, report.Paragraph(fmt.Sprintf("%s: the first of %s that failed otherwise: %v", c.name, report.Count(f.count(failed)), f.first)))
		}
		sent, goodput := float64(f.sent)/b.overload.Seconds(), float64(f.inTime)/b.overload.Seconds()
		counts.Row(c.name, report.Count(f.peak), report.Count(sent), report.Count(goodput), fmt.Sprintf("%.0f %%", 100*goodput/f.peak),
			report.Count(f.served.accepted()), report.Count(f.lost()), report.Count(f.count(refused)), report.Count(f.unheard()))
		costs.Row(c.name, report.Time(f.percentile(answered, 50)), report.Time(f.percentile(answered, 99)),
			report.Time(f.percentile(refused, 50)), report.Time(f.percentile(refused, 99)), f.served.refusal(),
			report.Percent(f.server, f.took), report.Percent(f.client, f.took),
			report.Bytes(f.before), report.Bytes(f.before+overloadBudget), report.Bytes(f.most))
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("Requests that come at so many times the rate that the server has at its peak, independently of each other, for %v. "+
		"The model is `%s`, a network for pictures of 3 kB, and `%s` for those of 602 kB; the server has `--instances %d --memory-budget %dMiB`, and is a fresh one for each row. "+
		"The peak is that of %d callers in a closed loop, before and after.", b.overload, plainModel, heavyModel, oneInstance, overloadBudget>>20, peakCallers)), counts,
		report.Paragraph("Accepted is what the server did not refuse, as it counts itself; lost, what of that has no answer. Refused was told when to come again. "+
			"Unheard gave up before they heard of either."), costs,
		report.Paragraph("Refusals are timed by the client; in the server is the mean from their coming to the handler, where all that failed were refusals. "+
			"CPU is of one core. Memory is resident: after the first peak, that with the memory budget, and the most that there ever was."))
	r.Add(notes...)
	return r, nil
}

// measureOverload starts a server, finds its capacity, and sends it more.
func measureOverload(ctx context.Context, b *bench, c overloadCase) (*overloadFigures, error) {
	message, err := proto.Marshal(c.request)
	if err != nil {
		return nil, err
	}
	request := wire.NewRequest(modelservingconnect.PredictorFastPredictProcedure, message, c.deadline)
	patient := wire.NewRequest(modelservingconnect.PredictorFastPredictProcedure, message, 0)
	f := &overloadFigures{}
	args := []string{"--memory-budget", strconv.Itoa(overloadBudget), "--max-message-bytes", strconv.Itoa(overloadBudget / 4)}
	err = b.withOneInstance(ctx, c.model, args, func(server watched) error {
		client := newWire(server.Process)
		defer client.Close()
		defer context.AfterFunc(ctx, client.Close)() // nobody waits any more
		peak := func() (float64, error) {
			return peakRate(ctx, func(ctx context.Context) (*modelserving.Timings, error) {
				return nil, client.Call(ctx, patient, isAnswer)
			})
		}
		before, err := peak()
		if err != nil {
			return err
		}
		if err := f.measure(ctx, server, client, request, load.Open{
			Rate: float64(c.times) * before, Duration: b.overload, Most: overloadMost, Random: rand.New(rand.NewPCG(5, 6)),
		}); err != nil {
			return err
		}
		after, err := peak()
		f.peak = (before + after) / 2
		return err
	})
	return f, err
}

// isAnswer returns why a message is not an answer of the model.
func isAnswer(message []byte) error {
	var answer modelserving.InferenceResponse
	if err := proto.Unmarshal(message, &answer); err != nil {
		return err
	}
	if len(answer.GetPredictions()) == 0 {
		return errors.New("an answer without predictions")
	}
	return nil
}

// measure runs the open loop, and asks the server what it has seen of it.
func (f *overloadFigures) measure(ctx context.Context, server watched, client *wire.Client, request *wire.Request, open load.Open) error {
	var err error
	if f.before, _, err = server.memory(); err != nil {
		return err
	}
	served, err := server.counts(ctx)
	if err != nil {
		return err
	}
	f.send(ctx, server, client, request, open)
	if _, f.most, err = server.memory(); err != nil {
		return err
	}
	now, err := server.counts(ctx)
	f.served = now.since(served)
	return err
}

// send runs the open loop.
func (f *overloadFigures) send(ctx context.Context, server watched, client *wire.Client, request *wire.Request, open load.Open) {
	serverClock, clientClock, start := load.StartClock(server), load.StartClock(process.Self()), time.Now()
	f.end = start.Add(open.Duration)
	f.sent, f.unsent = open.Run(ctx, func(came time.Time, ended func()) {
		client.Send(ctx, request, func(message []byte, err error) {
			defer ended()
			if err == nil {
				err = isAnswer(message)
			}
			f.add(came, time.Now(), err)
		})
	})
	f.server, f.client, f.took = serverClock(), clientClock(), time.Since(start)
}

// peakRate returns the answers in a second of a closed loop.
func peakRate(ctx context.Context, do call) (float64, error) {
	if _, err := (timedLoad{callers: peakCallers, duration: warmUp}).run(ctx, do); err != nil {
		return 0, err
	}
	s, err := timedLoad{callers: peakCallers, duration: peakTime}.run(ctx, do)
	return s.Rate, err
}
