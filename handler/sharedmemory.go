package handler

import (
	"context"
	"fmt"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
)

// errCuda says that memory of GPUs cannot be shared.
var errCuda = fmt.Errorf("%w: this server has no CUDA shared memory", errNotSupported)

// SystemSharedMemoryStatus implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) SystemSharedMemoryStatus(ctx context.Context, m *inference.SystemSharedMemoryStatusRequest) (*inference.SystemSharedMemoryStatusResponse, error) {
	if s.options.SharedMemory == nil {
		return nil, s.failed(ctx, errSharedMemoryOff)
	}
	regions, err := s.options.SharedMemory.Status(m.GetName())
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	res := &inference.SystemSharedMemoryStatusResponse{Regions: make(map[string]*inference.SystemSharedMemoryStatusResponse_RegionStatus, len(regions))}
	for _, r := range regions {
		res.Regions[r.Name] = &inference.SystemSharedMemoryStatusResponse_RegionStatus{Name: r.Name, Key: r.Key, Offset: r.Offset, ByteSize: r.Size}
	}
	return res, nil
}

// SystemSharedMemoryRegister implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) SystemSharedMemoryRegister(ctx context.Context, m *inference.SystemSharedMemoryRegisterRequest) (*inference.SystemSharedMemoryRegisterResponse, error) {
	if s.options.SharedMemory == nil {
		return nil, s.failed(ctx, errSharedMemoryOff)
	}
	region := sharedmem.Region{Name: m.GetName(), Key: m.GetKey(), Offset: m.GetOffset(), Size: m.GetByteSize()}
	if err := s.options.SharedMemory.Register(region); err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.SystemSharedMemoryRegisterResponse{}, nil
}

// SystemSharedMemoryUnregister implements
// [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) SystemSharedMemoryUnregister(ctx context.Context, m *inference.SystemSharedMemoryUnregisterRequest) (*inference.SystemSharedMemoryUnregisterResponse, error) {
	if s.options.SharedMemory == nil {
		return nil, s.failed(ctx, errSharedMemoryOff)
	}
	if err := s.options.SharedMemory.Unregister(m.GetName()); err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.SystemSharedMemoryUnregisterResponse{}, nil
}

// CudaSharedMemoryStatus implements [inferenceconnect.GRPCInferenceServiceHandler]. As
// Triton does without a GPU, it says that there are no regions: clients ask before they
// use system shared memory.
func (s *Inference) CudaSharedMemoryStatus(ctx context.Context, m *inference.CudaSharedMemoryStatusRequest) (*inference.CudaSharedMemoryStatusResponse, error) {
	if m.GetName() != "" {
		return nil, s.failed(ctx, fmt.Errorf("%w: %q: this server has no CUDA shared memory", sharedmem.ErrNotFound, m.GetName()))
	}
	return &inference.CudaSharedMemoryStatusResponse{}, nil
}

// CudaSharedMemoryRegister implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) CudaSharedMemoryRegister(ctx context.Context, _ *inference.CudaSharedMemoryRegisterRequest) (*inference.CudaSharedMemoryRegisterResponse, error) {
	return nil, s.failed(ctx, errCuda)
}

// CudaSharedMemoryUnregister implements [inferenceconnect.GRPCInferenceServiceHandler].
// There is never anything to do: clients call it before they use system shared memory.
func (s *Inference) CudaSharedMemoryUnregister(context.Context, *inference.CudaSharedMemoryUnregisterRequest) (*inference.CudaSharedMemoryUnregisterResponse, error) {
	return &inference.CudaSharedMemoryUnregisterResponse{}, nil
}
