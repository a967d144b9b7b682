package handler

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// failed returns err as the error of an RPC.
func (s *Inference) failed(ctx context.Context, err error) *connect.Error {
	return rpcError(ctx, s.options.Logger, err)
}

// ServerLive implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) ServerLive(context.Context, *inference.ServerLiveRequest) (*inference.ServerLiveResponse, error) {
	return &inference.ServerLiveResponse{Live: true}, nil
}

// ServerReady implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) ServerReady(context.Context, *inference.ServerReadyRequest) (*inference.ServerReadyResponse, error) {
	return &inference.ServerReadyResponse{Ready: s.options.Lifecycle == nil || s.options.Lifecycle.Ready()}, nil
}

// ModelReady implements [inferenceconnect.GRPCInferenceServiceHandler]. A model or
// version that is not there is not ready, as Triton answers, and neither is one that
// keeps failing; a version that is no number is an error.
func (s *Inference) ModelReady(ctx context.Context, m *inference.ModelReadyRequest) (*inference.ModelReadyResponse, error) {
	_, version, err := s.models.Snapshot().Lookup(m.GetName(), m.GetVersion())
	switch {
	case errors.Is(err, repository.ErrNotFound), errors.Is(err, repository.ErrUnavailable):
		return &inference.ModelReadyResponse{}, nil
	case err != nil:
		return nil, s.failed(ctx, err)
	}
	return &inference.ModelReadyResponse{Ready: version.State == repository.Ready && version.Failing() == nil}, nil
}

// ServerMetadata implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) ServerMetadata(context.Context, *inference.ServerMetadataRequest) (*inference.ServerMetadataResponse, error) {
	return &inference.ServerMetadataResponse{Name: "tensorwire", Version: s.options.Version, Extensions: s.extensions()}, nil
}

// extensions lists the protocol's extensions that work. sequence and trace are not
// among them.
func (s *Inference) extensions() []string {
	names := []string{
		"classification", "model_repository", "model_repository(unload_dependents)", "model_configuration",
		"binary_tensor_data", "parameters", "schedule_policy", "statistics", "logging",
	}
	if s.options.SharedMemory != nil {
		names = append(names, "system_shared_memory")
	}
	return names
}

// ModelMetadata implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) ModelMetadata(ctx context.Context, m *inference.ModelMetadataRequest) (*inference.ModelMetadataResponse, error) {
	model, version, err := s.ready(m.GetName(), m.GetVersion())
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	res := &inference.ModelMetadataResponse{
		Name: model.Name, Platform: version.Config.GetPlatform(),
		Inputs:  tensorMetadata(contractOf(version).inputs),
		Outputs: tensorMetadata(contractOf(version).outputs),
	}
	for v := range oldestFirst(model) {
		if v.State == repository.Ready {
			res.Versions = append(res.Versions, versionName(v))
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

// ModelConfig implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) ModelConfig(ctx context.Context, m *inference.ModelConfigRequest) (*inference.ModelConfigResponse, error) {
	_, version, err := s.ready(m.GetName(), m.GetVersion())
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.ModelConfigResponse{Config: version.Config}, nil
}
