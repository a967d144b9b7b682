package admin

import (
	"context"
	"errors"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// ServerLive implements the RPC.
func (s *Service) ServerLive(context.Context, *inference.ServerLiveRequest) (*inference.ServerLiveResponse, error) {
	return &inference.ServerLiveResponse{Live: true}, nil
}

// ServerReady implements the RPC: the server is ready when each model that should be loaded
// is.
func (s *Service) ServerReady(context.Context, *inference.ServerReadyRequest) (*inference.ServerReadyResponse, error) {
	return &inference.ServerReadyResponse{Ready: s.NotReady() == nil}, nil
}

// NotReady returns why ServerReady is false; nil when it is true. The text is for clients.
func (s *Service) NotReady() error { return s.readiness.Protocol() }

// ModelReady implements the RPC. A model or version that does not exist is not ready, as
// Triton answers, and neither is one that keeps failing; a version that is not a number
// is an error.
func (s *Service) ModelReady(ctx context.Context, m *inference.ModelReadyRequest) (*inference.ModelReadyResponse, error) {
	_, version, err := s.lookup(ctx, m.GetName(), m.GetVersion())
	switch {
	case errors.Is(err, repository.ErrNotFound), errors.Is(err, repository.ErrUnavailable):
		return &inference.ModelReadyResponse{}, nil
	case err != nil:
		return nil, s.failed(ctx, err)
	}
	return &inference.ModelReadyResponse{Ready: version.State == repository.Ready && version.Failing() == nil}, nil
}

// ServerMetadata implements the RPC.
func (s *Service) ServerMetadata(context.Context, *inference.ServerMetadataRequest) (*inference.ServerMetadataResponse, error) {
	return &inference.ServerMetadataResponse{Name: s.options.Name, Version: s.options.Version, Extensions: s.extensions()}, nil
}

// extensions lists the protocol's extensions that work. sequence and trace do not.
func (s *Service) extensions() []string {
	names := []string{
		"classification", "model_repository", "model_repository(unload_dependents)", "model_configuration",
		"binary_tensor_data", "parameters", "schedule_policy", "statistics", "logging",
	}
	if s.options.SharedMemory != nil {
		names = append(names, "system_shared_memory")
	}
	return names
}

// ModelMetadata implements the RPC.
func (s *Service) ModelMetadata(ctx context.Context, m *inference.ModelMetadataRequest) (*inference.ModelMetadataResponse, error) {
	model, version, err := s.ready(ctx, m.GetName(), m.GetVersion())
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	res := &inference.ModelMetadataResponse{
		Name: model.Name, Platform: version.Config.GetPlatform(),
		Inputs:  tensorMetadata(version.Serving.Inputs()),
		Outputs: tensorMetadata(version.Serving.Outputs()),
	}
	for v := range model.OldestFirst() {
		if v.State == repository.Ready {
			res.Versions = append(res.Versions, v.Name())
		}
	}
	return res, nil
}

func tensorMetadata(specs []engine.TensorSpec) []*inference.ModelMetadataResponse_TensorMetadata {
	tensors := make([]*inference.ModelMetadataResponse_TensorMetadata, len(specs))
	for i := range specs {
		tensors[i] = &inference.ModelMetadataResponse_TensorMetadata{Name: specs[i].Name, Datatype: specs[i].DataType.String(), Shape: specs[i].Shape}
	}
	return tensors
}

// ModelConfig implements the RPC.
func (s *Service) ModelConfig(ctx context.Context, m *inference.ModelConfigRequest) (*inference.ModelConfigResponse, error) {
	_, version, err := s.ready(ctx, m.GetName(), m.GetVersion())
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.ModelConfigResponse{Config: version.Config}, nil
}
