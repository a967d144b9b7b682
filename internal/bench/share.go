package main

import (
	"context"
	"fmt"

	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/report"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// oneCaller is how the share is measured: one request at a time, so that nothing
// waits for another.
const oneCaller = 1

// shareCase is one model whose round trip is taken apart.
type shareCase struct {
	name string
	// model runs the model alone, in this process.
	model call
	// http sends as many bytes as the request has to the floor.
	http call
	// whole is the request to the server.
	whole call

	alone, transport, rounds []sample
}

// share compares the round trip of three models with the model alone.
func share(ctx context.Context, b *bench) (*report.Report, error) {
	cases, err := newShareCases(ctx, b)
	if err != nil {
		return nil, err
	}
	for _, c := range cases {
		if err := c.measure(ctx, timedLoad{callers: oneCaller, duration: warmUp}); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		c.alone, c.transport, c.rounds = nil, nil, nil
	}
	for range b.rounds {
		for _, c := range cases {
			if err := c.measure(ctx, timedLoad{callers: oneCaller, duration: b.duration}); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	t := report.NewTable(1, "model and input", "model alone", "round trip", "model's share", "decode", "preprocess", "queue", "model in the server", "HTTP alone", "other")
	for _, c := range cases {
		alone, transport, whole := medians(c.alone), medians(c.transport), medians(c.rounds)
		other := whole.P50 - whole.decode - whole.preprocess - whole.queue - whole.compute - transport.P50
		t.Row(c.name, report.Time(alone.P50), report.Time(whole.P50), report.Percent(alone.P50, whole.P50),
			report.Microseconds(whole.decode), report.Microseconds(whole.preprocess), report.Microseconds(whole.queue), report.Microseconds(whole.compute),
			report.Time(transport.P50), report.Time(max(other, 0)))
	}
	r := &report.Report{}
	r.Add(report.Paragraph("gRPC, one request in flight, medians. The model alone is ONNX Runtime called in the client's process, on an input of the same shape and with the server's options (one thread to a call): no server can be faster."), t,
		report.Paragraph(fmt.Sprintf("`%s` is a convolutional network of %s million multiplications with 1,000 classes. "+
			"Decode, preprocess, queue and model are the server's own timings, in whole microseconds. HTTP alone is a request of the same size to the same HTTP server without RPC and model. "+
			"Other is what is left of the round trip: messages encoded and decoded on both sides, the RPC protocol, and handing over between goroutines.",
			heavyModel, report.Count(b.engine.multiplications/1e6))))
	return r, nil
}

func newShareCases(ctx context.Context, b *bench) ([]*shareCase, error) {
	seven, err := drawSeven()
	if err != nil {
		return nil, err
	}
	client := dial(b.tensorwire, http2, connecthttp.WithGRPC())
	digit := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, 1, digitSize, digitSize}, Data: b.image.bytes()[:4*digitSize*digitSize]}
	image := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, model.ImageChannels, model.ImageSize, model.ImageSize}, Data: b.image.bytes()}
	var cases []*shareCase
	for _, c := range []struct {
		name, model string
		input       tensor.Tensor
		req         *modelserving.FastInferenceRequest
	}{
		{fmt.Sprintf("`%s`, a PNG of 28 x 28", digitsModel), digitsModel, digit, &modelserving.FastInferenceRequest{ModelName: digitsModel, RawImage: seven}},
		{fmt.Sprintf("`%s`, FP32 bytes", imageModel), imageModel, image, b.image.asBytes(imageModel)},
		{fmt.Sprintf("`%s`, FP32 bytes", heavyModel), heavyModel, image, b.image.asBytes(heavyModel)},
	} {
		session, err := b.engine.load(ctx, c.model)
		if err != nil {
			return nil, err
		}
		body, err := proto.Marshal(c.req)
		if err != nil {
			return nil, err
		}
		cases = append(cases, &shareCase{
			name:  c.name,
			model: runModel(session, c.input),
			http:  put(b.floor, http2, body),
			whole: fast(client, c.req).call(),
		})
	}
	return cases, nil
}

// runModel returns a call of a model in this process.
func runModel(session engine.Session, input tensor.Tensor) call {
	return func(ctx context.Context) (*modelserving.Timings, error) {
		_, err := session.Run(ctx, []tensor.Tensor{input})
		return nil, err
	}
}

// measure adds one round.
func (c *shareCase) measure(ctx context.Context, l timedLoad) error {
	for _, m := range []struct {
		do   call
		into *[]sample
	}{{c.model, &c.alone}, {c.http, &c.transport}, {c.whole, &c.rounds}} {
		s, err := l.run(ctx, m.do)
		if err != nil {
			return err
		}
		*m.into = append(*m.into, s)
	}
	return nil
}
