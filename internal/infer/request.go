package infer

import (
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
)

// Request is one inference, independent of its protocol.
type Request struct {
	// Model and Version are as the client wrote them. Empty: see Models.Acquire.
	Model, Version string
	// ID is returned in the Result.
	ID string
	// Inputs are the model's inputs, in any order.
	Inputs []Input
	// Image, where it is not nil, is converted to the model's one input, in place of
	// Inputs.
	Image *imageinput.Source
	// Outputs are the outputs to return, in their order. Empty: all that the version
	// offers, and none with Scores.
	Outputs []Output
	// Form is the form of the answer.
	Form Form
	// TopK is the number of classes of Scores and Labels.
	TopK int
	// Parameters are the request's own scheduling parameters.
	Parameters Parameters
	// Frame, of a request of which only the latest of its stream matters, is its place
	// there. nil: an ordinary request.
	Frame *Frame
	// Started is the time of arrival. Statistics and the timeout count from it.
	Started time.Time
}

// Form is the form of an answer.
type Form uint8

const (
	// Tensors answers with the outputs.
	Tensors Form = iota
	// Scores answers with the score output as numbers, Result.Scores, where the request
	// names no outputs or that one among them, and with the outputs that it names,
	// unchanged.
	Scores
	// Labels answers with the best classes of the score output, as the classification
	// extension writes them, where the model classifies; else with all outputs.
	Labels
)

// DefaultTopK is the number of classes for a request that gives none.
const DefaultTopK = 5

// Input is a named input. Its tensor may alias the message's memory; the Runner checks
// it.
type Input struct {
	Name string
	tensor.Tensor
	// Region is the place of the data in shared memory; Data is then nil. nil: Data is
	// given.
	Region *Span
}

// Output names an output to return, and its form.
type Output struct {
	Name string
	// Classes asks for that number of best classes in place of the values. 0: values.
	Classes int
	// Region asks for the values to be written to shared memory. nil: they are
	// returned.
	Region *Span
}

// Span is a part of a region of shared memory: Size bytes from Offset.
type Span struct {
	Region       string
	Offset, Size uint64
}

// Result answers a Request.
type Result struct {
	Model, Version string
	ID             string
	// Outputs are those that the request names, and those of Tensors and Labels.
	Outputs []ResultOutput
	// Scores are those of the form Scores; zero where the request names outputs without
	// the score output.
	Scores ScoreResult
	// Timings are the durations of the steps.
	Timings Timings

	computed *engine.Result
	// unhold ends the reservation of the outputs' memory.
	unhold func()
}

// ResultOutput is an output in the requested form.
type ResultOutput struct {
	Output
	// Tensor is valid until the Result is released, and Data can be written to the wire
	// as it is. Data is nil where the values went to a region, whose size is then the
	// number of bytes that were written.
	tensor.Tensor
}

// Release returns the memory of the outputs to the engine, and its part of the memory budget. The
// receiver of a Result calls it when the answer has been written and nothing reads that memory;
// without it the memory is garbage collected, and reserved until the request ends. Later calls do
// nothing. It is for one goroutine at a time.
func (r *Result) Release() {
	r.computed.Release()
	r.unhold()
}

// Timings are the durations of a request's steps.
type Timings struct {
	// Timings are those of an image input.
	imageinput.Timings
	// Queue is the wait for the model, and Compute the model's own time.
	Queue, Compute time.Duration
}
