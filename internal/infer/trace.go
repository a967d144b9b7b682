package infer

import (
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// moments are the times of a request's steps, as far as it has come.
type moments struct {
	// waited is the wait in a latest-only group, before anything else.
	waited time.Duration
	// ready is the time at which the inputs are complete, computed that of the outputs.
	ready, computed time.Time
	image           imageinput.Timings
	run             engine.Timings
	cached          bool
}

// inference returns the record of a request that ended at a time, for its trace.
func (m *moments) inference(lease *Lease, req *Request, end time.Time, err error) *telemetry.Inference {
	i := &telemetry.Inference{
		Model: lease.Model, Version: lease.Name(), Start: req.Started, End: end,
		Rows: m.run.Rows, Cached: m.cached, Err: err,
	}
	start := req.Started
	if m.waited > 0 {
		i.Steps = append(i.Steps, telemetry.Step{Name: "queue", Start: start, Duration: m.waited})
		start = start.Add(m.waited)
	}
	if m.ready.IsZero() {
		return i
	}
	i.Steps = append(i.Steps, telemetry.Step{Name: "decode", Start: start, Duration: m.ready.Sub(start), Inner: m.conversion()})
	if m.computed.IsZero() {
		i.Steps = append(i.Steps, telemetry.Step{Name: "execute", Start: m.ready, Duration: end.Sub(m.ready)})
		return i
	}
	i.Steps = append(i.Steps, m.execution()...)
	i.Steps = append(i.Steps, telemetry.Step{Name: "encode", Start: m.computed, Duration: end.Sub(m.computed)})
	return i
}

// conversion returns the steps of the conversion of an image, which precede ready.
func (m *moments) conversion() []telemetry.Step {
	if m.image == (imageinput.Timings{}) {
		return nil
	}
	preprocess := m.ready.Add(-m.image.Preprocess)
	return []telemetry.Step{
		{Name: "decode image", Start: preprocess.Add(-m.image.Decode), Duration: m.image.Decode},
		{Name: "preprocess", Start: preprocess, Duration: m.image.Preprocess},
	}
}

// execution returns the steps between the inputs and the outputs.
func (m *moments) execution() []telemetry.Step {
	if m.cached {
		return []telemetry.Step{{Name: "cache", Start: m.ready, Duration: m.computed.Sub(m.ready)}}
	}
	var steps []telemetry.Step
	at := m.ready
	add := func(name string, took time.Duration, inner ...telemetry.Step) {
		steps = append(steps, telemetry.Step{Name: name, Start: at, Duration: took, Inner: inner})
		at = at.Add(took)
	}
	add("queue", m.run.Queue)
	if m.run.Batch > 0 {
		add("batch", m.run.Batch)
	}
	// A worker measures how long its model computes, by its own clock. The ways to it and back are
	// taken to be equal.
	call := max(m.run.Call, m.run.Compute)
	add("execute", call, telemetry.Step{Name: "compute", Start: at.Add((call - m.run.Compute) / 2), Duration: m.run.Compute})
	return steps
}
