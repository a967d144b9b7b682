package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/load"
)

// cancelWave is a full queue behind a long run, whose callers cancel in groups: each
// reading of the queue takes as long as one cancellation may.
type cancelWave struct {
	watched
	callers, group int
	// freed are the times from a cancellation until the queue shows it, and readings those
	// of single readings of the queue.
	freed, readings []time.Duration
}

// canceled measures whether canceled requests run, and when their places are free.
func canceled(ctx context.Context, b *bench) (report.Report, error) {
	const images = 1000 // run for seconds
	waves, w := 4, &cancelWave{callers: 2500, group: 10}
	if b.quick {
		waves, w.callers = 1, 200
	}
	var counts serverCounts
	err := b.withOneInstance(ctx, plain(), []string{"--max-queue", strconv.Itoa(w.callers)}, func(s watched) (err error) {
		w.watched = s
		predict := fastPredict(dialPredictor(s.base, http2, connecthttp.WithGRPC()), b.plainRequest())
		long := newInferRequest(plainModel, "image", []int64{images, model.ImageChannels, plainSize, plainSize}, slices.Repeat(b.plainRequest().GetRawImage(), images))
		for range waves {
			if err := w.run(ctx, predict, func(ctx context.Context) error {
				_, err := dialInference(s.base).ModelInfer(ctx, long)
				return err
			}); err != nil {
				return err
			}
		}
		counts, err = s.counts(ctx, counts)
		return err
	})
	t := report.NewTable(1, "", "p50", "p99", "longest", "over 50 ms")
	addRow := func(name string, took []time.Duration) {
		slices.Sort(took)
		within, _ := slices.BinarySearch(took, 50*time.Millisecond+1)
		t.Row(name, report.Time(load.Percentile(took, 50)), report.Time(load.Percentile(took, 99)), report.Time(load.Percentile(took, 100)), report.Count(len(took)-within))
	}
	addRow("from the cancellation until the queue has free places", w.freed)
	addRow("one reading of the queue", w.readings)
	return report.Report{
		report.Paragraphf("%s callers, %s at a time, fill a queue (`--max-queue`) behind a run of seconds and cancel, %d at once. Of their requests %s ran; the server counts %s as canceled.",
			report.Count(waves*w.callers), report.Count(w.callers), w.group, report.Count(counts.runs-int64(waves)), report.Count(counts.canceled)), t,
		report.Paragraph("The queue is read from `tensorwire_queue_requests` of `/metrics`, in a loop."),
	}, err
}

// run starts the long run, fills the queue, and cancels all callers.
func (w *cancelWave) run(ctx context.Context, predict predict, long func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- long(ctx) }()
	if err := w.await(ctx, "tensorwire_executions_running", func(n int) bool { return n == 1 }); err != nil {
		return err
	}
	const queue = "tensorwire_queue_requests"
	cancels, errs := make([]context.CancelFunc, w.callers), make(chan error, w.callers)
	for i := range cancels {
		var caller context.Context
		caller, cancels[i] = context.WithCancel(ctx)
		defer cancels[i]()
		go func() {
			_, err := predict(caller)
			errs <- err
		}()
	}
	if err := w.await(ctx, queue, func(n int) bool { return n == w.callers }); err != nil {
		return err
	}
	waiting := w.callers
	for callers := range slices.Chunk(rand.Perm(w.callers), w.group) {
		at := time.Now()
		for _, caller := range callers {
			cancels[caller]()
		}
		waiting -= len(callers)
		if err := w.await(ctx, queue, func(n int) bool { return n <= waiting }); err != nil {
			return err
		}
		w.freed = append(w.freed, time.Since(at))
	}
	select {
	case err := <-ended:
		return errors.Join(errors.New("the long run ended before all callers had canceled"), err)
	default:
	}
	for range cancels {
		if err := <-errs; connect.CodeOf(err) != connect.CodeCanceled {
			return fmt.Errorf("a canceled request ended with %w", err)
		}
	}
	return <-ended
}

// await reads a metric until done returns true.
func (w *cancelWave) await(ctx context.Context, name string, done func(int) bool) error {
	for {
		start := time.Now()
		metrics, err := w.metrics(ctx)
		if err != nil {
			return err
		}
		w.readings = append(w.readings, time.Since(start))
		if done(int(sumMetric(metrics, name, ""))) {
			return nil
		}
	}
}

// video is a stream of frames at a rate, as from a camera, with its figures of all rounds.
type video struct {
	name          string
	latestOnly    bool
	rate          float64 // frames per second
	sent, dropped int
	// ages are the ages of computed frames when their responses came, and compute the
	// model's times for them.
	ages, compute []time.Duration
}

// latest sends more frames of a live video than the model can compute.
func latest(ctx context.Context, b *bench) (report.Report, error) {
	const times = 4
	videos := []*video{{name: "`latest_only`", latestOnly: true}, {name: "every frame"}}
	err := b.withOneInstance(ctx, plain(), nil, func(s watched) error {
		c := dialPredictor(s.base, http2, connecthttp.WithGRPC())
		capacity, err := b.peakRate(ctx, fastPredict(c, b.plainRequest()).call(nil))
		for i := 0; i < len(videos)*b.rounds && err == nil; i++ {
			v := videos[i%len(videos)]
			v.rate = times * capacity
			err = v.play(ctx, c, b.plainRequest(), b.duration)
		}
		return err
	})
	t := report.NewTable(1, "stream", "frames/s sent", "computed/s", "dropped", "inference", "age p50", "age p99", "p99 in inferences")
	seconds := (b.duration * time.Duration(b.rounds)).Seconds()
	for _, v := range videos {
		slices.Sort(v.ages)
		inference, p99 := load.Median(v.compute), load.Percentile(v.ages, 99)
		t.Row(v.name, report.Count(float64(v.sent)/seconds), report.Count(float64(len(v.ages))/seconds), report.Percent(v.dropped, v.sent),
			report.Time(inference), report.Time(load.Percentile(v.ages, 50)), report.Time(p99), report.Ratio(p99, inference))
	}
	return report.Report{
		report.Paragraphf("A stream of images to `%s` at %d times the peak rate of the server, with `--instances %d`.", plainModel, times, oneInstance), t,
		report.Paragraph("Age is the time from the capture of a frame to its response, for computed frames. Inference is the median of the model's time for them. The stream of every frame ends with its backlog unanswered."),
	}, err
}

// captured returns the time of a frame since the start.
func (v *video) captured(frame int) time.Duration {
	return time.Duration(float64(frame) / v.rate * float64(time.Second))
}

// play sends frames for the duration, and adds the responses that come until then.
func (v *video) play(ctx context.Context, c modelservingconnect.PredictorClient, frame *modelserving.FastInferenceRequest, duration time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.StreamPredict(ctx)
	if err != nil {
		return err
	}
	start, received := time.Now(), make(chan error, 1)
	go func() { received <- v.receive(stream, start) }()
	for n := 0; err == nil; n++ {
		time.Sleep(v.captured(n) - time.Since(start))
		if time.Since(start) >= duration {
			v.sent += n
			break
		}
		err = stream.Send(&modelserving.InferenceRequest{
			ModelName: frame.GetModelName(), RawImage: frame.GetRawImage(), Datatype: frame.GetDatatype(), Layout: frame.GetLayout(), Shape: frame.GetShape(),
			Id: strconv.Itoa(n), LatestOnly: v.latestOnly,
		})
	}
	if err == nil && v.latestOnly {
		err = stream.CloseSend() // the frames in flight get their responses
	} else {
		cancel() // the backlog does not
	}
	end := <-received
	if errors.Is(end, io.EOF) || !v.latestOnly && connect.CodeOf(end) == connect.CodeCanceled {
		end = nil
	}
	return errors.Join(err, end)
}

// receive adds responses until the stream ends.
func (v *video) receive(stream modelservingconnect.PredictorStreamPredictClientStream, start time.Time) error {
	for {
		res, err := stream.Receive()
		if err != nil {
			return err
		}
		age := time.Since(start)
		n, err := strconv.Atoi(res.GetId())
		switch {
		case err != nil || res.GetError() != nil:
			return fmt.Errorf("frame %q: %v", res.GetId(), res.GetError())
		case res.GetDropped():
			v.dropped++
		default:
			v.ages = append(v.ages, age-v.captured(n))
			v.compute = append(v.compute, time.Duration(res.GetTimings().GetComputeUs())*time.Microsecond)
		}
	}
}
