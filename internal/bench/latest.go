package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// latestTimes is how many times the frames come that the model can do.
const latestTimes = 4

// videoFigures are what was seen of a stream's frames, in all rounds.
type videoFigures struct {
	sent, dropped int
	// ages is how old the computed frames were when their answers came, and compute what
	// the model took for each.
	ages, compute []time.Duration
}

// latest sends a live video of more frames than the model can do.
func latest(ctx context.Context, b *bench) (*report.Report, error) {
	rows := []*videoRow{{name: "`latest_only`", latestOnly: true}, {name: "every frame"}}
	err := b.withOneInstance(ctx, plain(), nil, func(server watched) error {
		client := dial(server.Process, http2, connecthttp.WithGRPC())
		capacity, err := peakRate(ctx, fast(client, plainRequest(b)).call())
		if err != nil {
			return err
		}
		v := video{client: client, frame: plainRequest(b), rate: latestTimes * capacity, duration: b.duration}
		for range b.rounds {
			for _, r := range rows {
				v.latestOnly = r.latestOnly
				if err := v.play(ctx, &r.videoFigures); err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("A stream of pictures to `%s` at %d times the rate that the server has at its peak, `--instances %d`.", plainModel, latestTimes, oneInstance)),
		latestTable(rows, b.duration*time.Duration(b.rounds)),
		report.Paragraph("Age is the time from when a frame was taken to its answer, of those that were computed. Inference is what the model took for them, the median. "+
			"The stream of every frame is ended with what has piled up."))
	return r, nil
}

// videoRow is one way to send the frames.
type videoRow struct {
	name       string
	latestOnly bool
	videoFigures
}

// latestTable has the figures of streams that lasted for so long.
func latestTable(rows []*videoRow, lasted time.Duration) *report.Table {
	t := report.NewTable(1, "stream", "frames/s sent", "computed/s", "dropped", "inference", "age p50", "age p99", "p99 in inferences")
	perSecond := func(n int) string { return report.Count(float64(n) / lasted.Seconds()) }
	for _, r := range rows {
		slices.Sort(r.ages)
		inference, p99 := report.Median(r.compute), report.Percentile(r.ages, 99)
		t.Row(r.name, perSecond(r.sent), perSecond(len(r.ages)), fmt.Sprintf("%.0f %%", 100*float64(r.dropped)/float64(r.sent)),
			report.Time(inference), report.Time(report.Percentile(r.ages, 50)), report.Time(p99), report.Ratio(p99, inference))
	}
	return t
}

// video is a stream of frames at a rate, as a camera gives them.
type video struct {
	client     modelservingconnect.PredictorClient
	frame      *modelserving.FastInferenceRequest
	latestOnly bool
	// rate is the frames in a second.
	rate     float64
	duration time.Duration
}

// play sends for the duration and adds what comes back until then.
func (v video) play(ctx context.Context, f *videoFigures) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := v.client.StreamPredict(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	taken := make(chan error, 1)
	go func() { taken <- v.receive(stream, start, f) }()
	sent, err := v.send(stream, start)
	f.sent += sent
	if err == nil && v.latestOnly {
		err = stream.CloseSend() // and what is under way is answered
	} else {
		cancel() // what has piled up is not waited for
	}
	received := <-taken
	if errors.Is(received, io.EOF) || !v.latestOnly && connect.CodeOf(received) == connect.CodeCanceled {
		received = nil
	}
	return errors.Join(err, received)
}

// taken returns when a frame is taken, from the start on.
func (v video) taken(frame int) time.Duration {
	return time.Duration(float64(frame) / v.rate * float64(time.Second))
}

// send sends frames as a camera takes them, and returns how many. Their ids are their
// numbers.
func (v video) send(stream modelservingconnect.PredictorStreamPredictClientStream, start time.Time) (int, error) {
	for n := 0; ; n++ {
		time.Sleep(v.taken(n) - time.Since(start))
		if time.Since(start) >= v.duration {
			return n, nil
		}
		err := stream.Send(&modelserving.InferenceRequest{
			ModelName: v.frame.GetModelName(), RawImage: v.frame.GetRawImage(), Datatype: v.frame.GetDatatype(), Layout: v.frame.GetLayout(), Shape: v.frame.GetShape(),
			Id: strconv.Itoa(n), LatestOnly: v.latestOnly,
		})
		if err != nil {
			return n, err
		}
	}
}

// receive takes answers until the stream ends.
func (v video) receive(stream modelservingconnect.PredictorStreamPredictClientStream, start time.Time, f *videoFigures) error {
	for {
		answer, err := stream.Receive()
		if err != nil {
			return err
		}
		age := time.Since(start)
		n, err := strconv.Atoi(answer.GetId())
		switch {
		case err != nil:
			return err
		case answer.GetError() != nil:
			return fmt.Errorf("frame %d: %v", n, answer.GetError())
		case answer.GetDropped():
			f.dropped++
		default:
			f.ages = append(f.ages, age-v.taken(n))
			f.compute = append(f.compute, time.Duration(answer.GetTimings().GetComputeUs())*time.Microsecond)
		}
	}
}
