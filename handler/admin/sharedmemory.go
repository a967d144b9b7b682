package admin

import (
	"context"
	"fmt"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// errCuda reports that memory of GPUs cannot be shared.
var errCuda = fmt.Errorf("%w: this server has no CUDA shared memory", infer.ErrNotSupported)

// SystemSharedMemoryStatus implements the RPC.
func (s *Service) SystemSharedMemoryStatus(ctx context.Context, m *inference.SystemSharedMemoryStatusRequest) (*inference.SystemSharedMemoryStatusResponse, error) {
	if s.options.SharedMemory == nil {
		return nil, s.failed(ctx, infer.ErrSharedMemoryOff)
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

// SystemSharedMemoryRegister implements the RPC.
func (s *Service) SystemSharedMemoryRegister(ctx context.Context, m *inference.SystemSharedMemoryRegisterRequest) (*inference.SystemSharedMemoryRegisterResponse, error) {
	if s.options.SharedMemory == nil {
		return nil, s.failed(ctx, infer.ErrSharedMemoryOff)
	}
	region := sharedmem.Region{Name: m.GetName(), Key: m.GetKey(), Offset: m.GetOffset(), Size: m.GetByteSize()}
	if err := s.options.SharedMemory.Register(region); err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.SystemSharedMemoryRegisterResponse{}, nil
}

// SystemSharedMemoryUnregister implements the RPC.
func (s *Service) SystemSharedMemoryUnregister(ctx context.Context, m *inference.SystemSharedMemoryUnregisterRequest) (*inference.SystemSharedMemoryUnregisterResponse, error) {
	if s.options.SharedMemory == nil {
		return nil, s.failed(ctx, infer.ErrSharedMemoryOff)
	}
	if err := s.options.SharedMemory.Unregister(m.GetName()); err != nil {
		return nil, s.failed(ctx, err)
	}
	return &inference.SystemSharedMemoryUnregisterResponse{}, nil
}

// CudaSharedMemoryStatus implements the RPC. As Triton does without a GPU, it answers
// that there are no regions: clients ask before they use system shared memory.
func (s *Service) CudaSharedMemoryStatus(ctx context.Context, m *inference.CudaSharedMemoryStatusRequest) (*inference.CudaSharedMemoryStatusResponse, error) {
	if m.GetName() != "" {
		return nil, s.failed(ctx, fmt.Errorf("%w: %q: this server has no CUDA shared memory", sharedmem.ErrNotFound, m.GetName()))
	}
	return &inference.CudaSharedMemoryStatusResponse{}, nil
}

// CudaSharedMemoryRegister implements the RPC.
func (s *Service) CudaSharedMemoryRegister(ctx context.Context, _ *inference.CudaSharedMemoryRegisterRequest) (*inference.CudaSharedMemoryRegisterResponse, error) {
	return nil, s.failed(ctx, errCuda)
}

// CudaSharedMemoryUnregister implements the RPC. It does nothing: clients call it before
// they use system shared memory.
func (s *Service) CudaSharedMemoryUnregister(context.Context, *inference.CudaSharedMemoryUnregisterRequest) (*inference.CudaSharedMemoryUnregisterResponse, error) {
	return &inference.CudaSharedMemoryUnregisterResponse{}, nil
}
