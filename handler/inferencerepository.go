package handler

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// ready returns a version that is ready, and its model.
func (s *Inference) ready(name, version string) (*Model, *Version, error) {
	model, v, err := s.models.Snapshot().Lookup(name, version)
	if err != nil {
		return nil, nil, err
	}
	if v.State != repository.Ready {
		return nil, nil, notReady(v)
	}
	return model, v, nil
}

// notReady says why a version cannot be asked about.
func notReady(v *Version) error {
	state := strings.ToLower(stateName(v.State))
	if v.Reason != "" {
		state += ": " + v.Reason
	}
	return fmt.Errorf("%w: model %q version %d is %s", repository.ErrUnavailable, v.Model, v.Number, state)
}

// stateName returns a state as the protocol writes it.
func stateName(state repository.State) string {
	switch state {
	case repository.Loading:
		return "LOADING"
	case repository.Ready:
		return "READY"
	case repository.Unloading:
		return "UNLOADING"
	case repository.Unavailable:
	}
	return "UNAVAILABLE"
}

// checkRepositoryName reports a request that names a repository: there is one, which
// has no name.
func checkRepositoryName(name string) error {
	if name == "" {
		return nil
	}
	return invalidf("repository_name is %q: there is one repository; leave it out", name)
}

// RepositoryIndex implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) RepositoryIndex(ctx context.Context, m *inference.RepositoryIndexRequest) (*inference.RepositoryIndexResponse, error) {
	if err := checkRepositoryName(m.GetRepositoryName()); err != nil {
		return nil, s.failed(ctx, err)
	}
	res := &inference.RepositoryIndexResponse{}
	for _, model := range s.models.Snapshot().Models {
		if len(model.Versions) == 0 && !m.GetReady() {
			res.Models = append(res.Models, &inference.RepositoryIndexResponse_ModelIndex{Name: model.Name, Reason: model.Reason})
		}
		for v := range model.OldestFirst() {
			state, reason := v.Condition()
			if m.GetReady() && state != repository.Ready {
				continue
			}
			res.Models = append(res.Models, &inference.RepositoryIndexResponse_ModelIndex{
				Name: model.Name, Version: v.Name(), State: stateName(state), Reason: reason,
			})
		}
	}
	return res, nil
}

// RepositoryModelLoad implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) RepositoryModelLoad(ctx context.Context, m *inference.RepositoryModelLoadRequest) (*inference.RepositoryModelLoadResponse, error) {
	if err := s.load(ctx, m); err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.RepositoryModelLoadResponse{}, nil
}

func (s *Inference) load(ctx context.Context, m *inference.RepositoryModelLoadRequest) error {
	if err := checkRepositoryName(m.GetRepositoryName()); err != nil {
		return err
	}
	if m.GetModelName() == "" {
		return invalidf("model_name is empty: name the model to load")
	}
	override, err := overrideOf(m.GetParameters())
	if err != nil {
		return err
	}
	return s.models.LoadModel(ctx, m.GetModelName(), override)
}

// overrideOf returns what the parameters of a load give in place of the repository's
// files; nil where they give nothing.
func overrideOf(parameters map[string]*inference.ModelRepositoryParameter) (*repository.Override, error) {
	if len(parameters) == 0 {
		return nil, nil
	}
	override := &repository.Override{}
	for name, parameter := range parameters {
		path, isFile := strings.CutPrefix(name, "file:")
		switch value := parameter.GetParameterChoice().(type) {
		case *inference.ModelRepositoryParameter_StringParam:
			if name != "config" {
				return nil, unknownLoadParameter(name)
			}
			override.Config = []byte(value.StringParam)
		case *inference.ModelRepositoryParameter_BytesParam:
			if !isFile {
				return nil, unknownLoadParameter(name)
			}
			if !fs.ValidPath(path) || path == "." {
				return nil, invalidf("parameter %q: give file:<version>/<name>, a path inside the model's directory", name)
			}
			if override.Files == nil {
				override.Files = map[string][]byte{}
			}
			override.Files[path] = value.BytesParam
		default:
			return nil, unknownLoadParameter(name)
		}
	}
	if override.Config == nil {
		return nil, invalidf("parameter config is missing: a load with files needs the model's configuration, as JSON")
	}
	return override, nil
}

func unknownLoadParameter(name string) error {
	return invalidf("parameter %q: a load takes config (a string) and file:<version>/<name> (bytes)", name)
}

// RepositoryModelUnload implements [inferenceconnect.GRPCInferenceServiceHandler]. The
// parameter unload_dependents changes nothing: no model depends on another.
func (s *Inference) RepositoryModelUnload(ctx context.Context, m *inference.RepositoryModelUnloadRequest) (*inference.RepositoryModelUnloadResponse, error) {
	if err := s.unload(ctx, m); err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.RepositoryModelUnloadResponse{}, nil
}

func (s *Inference) unload(ctx context.Context, m *inference.RepositoryModelUnloadRequest) error {
	if err := checkRepositoryName(m.GetRepositoryName()); err != nil {
		return err
	}
	if m.GetModelName() == "" {
		return invalidf("model_name is empty: name the model to unload")
	}
	for name, parameter := range m.GetParameters() {
		if _, isBool := parameter.GetParameterChoice().(*inference.ModelRepositoryParameter_BoolParam); name != "unload_dependents" || !isBool {
			return invalidf("parameter %q: an unload takes unload_dependents (true or false)", name)
		}
	}
	return s.models.UnloadModel(ctx, m.GetModelName())
}
