package admin

import (
	"context"
	"io/fs"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// checkRepositoryName reports a request that names a repository: the only one has no
// name.
func checkRepositoryName(name string) error {
	if name == "" {
		return nil
	}
	return infer.Invalidf("repository_name is %q: there is one repository; leave it out", name)
}

// RepositoryIndex implements the RPC.
func (s *Service) RepositoryIndex(ctx context.Context, m *inference.RepositoryIndexRequest) (*inference.RepositoryIndexResponse, error) {
	if err := checkRepositoryName(m.GetRepositoryName()); err != nil {
		return nil, s.failed(ctx, err)
	}
	res := &inference.RepositoryIndexResponse{}
	for _, model := range infer.Visible(ctx, s.models).Models {
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

// RepositoryModelLoad implements the RPC.
func (s *Service) RepositoryModelLoad(ctx context.Context, m *inference.RepositoryModelLoadRequest) (*inference.RepositoryModelLoadResponse, error) {
	if err := s.load(ctx, m); err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.RepositoryModelLoadResponse{}, nil
}

func (s *Service) load(ctx context.Context, m *inference.RepositoryModelLoadRequest) error {
	if err := checkRepositoryName(m.GetRepositoryName()); err != nil {
		return err
	}
	if m.GetModelName() == "" {
		return infer.Invalidf("model_name is empty: name the model to load")
	}
	if err := permission.CheckModel(ctx, m.GetModelName()); err != nil {
		return err
	}
	override, err := overrideOf(m.GetParameters())
	if err != nil {
		return err
	}
	return s.models.LoadModel(ctx, m.GetModelName(), override)
}

// overrideOf returns what the parameters of a load give in place of the repository's
// files; nil where there are none.
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
				return nil, infer.Invalidf("parameter %q: give file:<version>/<name>, a path inside the model's directory", name)
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
		return nil, infer.Invalidf("parameter config is missing: a load with files needs the model's configuration, as JSON")
	}
	return override, nil
}

func unknownLoadParameter(name string) error {
	return infer.Invalidf("parameter %q: a load takes config (a string) and file:<version>/<name> (bytes)", name)
}

// RepositoryModelUnload implements the RPC. The parameter unload_dependents changes
// nothing: no model depends on another.
func (s *Service) RepositoryModelUnload(ctx context.Context, m *inference.RepositoryModelUnloadRequest) (*inference.RepositoryModelUnloadResponse, error) {
	if err := s.unload(ctx, m); err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.RepositoryModelUnloadResponse{}, nil
}

func (s *Service) unload(ctx context.Context, m *inference.RepositoryModelUnloadRequest) error {
	if err := checkRepositoryName(m.GetRepositoryName()); err != nil {
		return err
	}
	if m.GetModelName() == "" {
		return infer.Invalidf("model_name is empty: name the model to unload")
	}
	if err := permission.CheckModel(ctx, m.GetModelName()); err != nil {
		return err
	}
	for name, parameter := range m.GetParameters() {
		if _, isBool := parameter.GetParameterChoice().(*inference.ModelRepositoryParameter_BoolParam); name != "unload_dependents" || !isBool {
			return infer.Invalidf("parameter %q: an unload takes unload_dependents (true or false)", name)
		}
	}
	return s.models.UnloadModel(ctx, m.GetModelName())
}
