package reshape

import (
	"context"
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

var (
	_ engine.Session        = (*session)(nil)
	_ engine.HealthReporter = (*session)(nil)
	_ engine.Screener       = (*session)(nil)
)

// Changes are the changes of a model's inputs and outputs, by their names.
type Changes struct{ Inputs, Outputs map[string]Change }

// session is a model whose tensors have other shapes.
type session struct {
	engine.Session
	signature *engine.Signature
	changes   places
}

// places has the changes in the order of the signature; nil for a tensor without one.
type places struct{ inputs, outputs []*Change }

// Wrap returns a Session whose inputs and outputs have the clients' shapes of changes. It
// owns inner: closing it closes inner. Without changes it returns inner. An output of a run
// that does not fit its change is an engine.ErrRun.
//
// The result implements the optional interfaces of engines that inner does.
func Wrap(inner engine.Session, changes Changes) engine.Session {
	if len(changes.Inputs) == 0 && len(changes.Outputs) == 0 {
		return inner
	}
	s := &session{Session: inner}
	signature := *inner.Signature()
	signature.Inputs, s.changes.inputs = apply(signature.Inputs, changes.Inputs)
	signature.Outputs, s.changes.outputs = apply(signature.Outputs, changes.Outputs)
	s.signature = &signature
	groups, inGroups := inner.(engine.GroupRunner)
	worker, inWorker := inner.(engine.WorkerReporter)
	switch {
	case inGroups && inWorker:
		return struct {
			*session
			engine.GroupRunner
			engine.WorkerReporter
		}{s, &group{s, groups}, worker}
	case inGroups:
		return struct {
			*session
			engine.GroupRunner
		}{s, &group{s, groups}}
	case inWorker:
		return struct {
			*session
			engine.WorkerReporter
		}{s, worker}
	}
	return s
}

// apply returns specs with the clients' shapes.
func apply(specs []engine.TensorSpec, changes map[string]Change) ([]engine.TensorSpec, []*Change) {
	specs, ordered := slices.Clone(specs), make([]*Change, len(specs))
	for i := range specs {
		change, ok := changes[specs[i].Name]
		if !ok || specs[i].DataType == tensor.Invalid {
			continue
		}
		ordered[i] = &change
		specs[i].DimNames = change.names(specs[i].DimNames)
		specs[i].Shape = change.client
	}
	return specs, ordered
}

func (s *session) Signature() *engine.Signature { return s.signature }

// Failing implements [engine.HealthReporter].
func (s *session) Failing() error { return engine.Failing(s.Session) }

// Screen implements [engine.Screener].
func (s *session) Screen(ctx context.Context, inputs []tensor.Tensor) error {
	if screener, ok := s.Session.(engine.Screener); ok {
		return screener.Screen(ctx, s.changes.toModel(inputs))
	}
	return nil
}

func (s *session) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := s.signature.CheckInputs(inputs); err != nil {
		return nil, err
	}
	result, err := s.Session.Run(ctx, s.changes.toModel(inputs))
	if err != nil {
		return nil, err
	}
	if err := s.toClient(result); err != nil {
		result.Release()
		return nil, err
	}
	return result, nil
}

// toModel returns inputs with the model's shapes. It does not modify inputs, which must fit
// the clients' signature.
func (p *places) toModel(inputs []tensor.Tensor) []tensor.Tensor {
	inputs = slices.Clone(inputs)
	for i, change := range p.inputs {
		if change != nil && inputs[i].DataType != tensor.Invalid { // not an optional input that is absent
			inputs[i].Shape = change.toModel(inputs[i].Shape)
		}
	}
	return inputs
}

// toClient gives the outputs of a result the clients' shapes.
func (s *session) toClient(result *engine.Result) error {
	if len(result.Outputs) != len(s.changes.outputs) {
		return fmt.Errorf("%w: it returned %d outputs instead of %d", engine.ErrRun, len(result.Outputs), len(s.changes.outputs))
	}
	for i, change := range s.changes.outputs {
		out := &result.Outputs[i]
		if change == nil || out.DataType == tensor.Invalid {
			continue
		}
		if !change.model.Accepts(out.Shape) {
			return fmt.Errorf("%w: output %q has shape %v, but reshape in its configuration takes %v: correct reshape", engine.ErrRun, s.signature.Outputs[i].Name, out.Shape, change.model)
		}
		out.Shape = change.toClient(out.Shape)
	}
	return nil
}

// group is the engine.GroupRunner of a session.
type group struct {
	session *session
	inner   engine.GroupRunner
}

// RunGroup implements [engine.GroupRunner]. An output that does not fit fails its request
// only.
func (g *group) RunGroup(ctx context.Context, requests [][]tensor.Tensor) ([]*engine.Result, error) {
	changed := make([][]tensor.Tensor, len(requests))
	for i, inputs := range requests {
		if err := g.session.signature.CheckInputs(inputs); err != nil {
			return nil, err
		}
		changed[i] = g.session.changes.toModel(inputs)
	}
	results, err := g.inner.RunGroup(ctx, changed)
	for i, result := range results {
		if result != nil && g.session.toClient(result) != nil {
			result.Release()
			results[i] = nil
		}
	}
	return results, err
}
