package handler

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// restRegion is a region of shared memory, in Triton's form.
type restRegion struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Offset   uint64 `json:"offset"`
	ByteSize uint64 `json:"byte_size"`
}

func (s *REST) sharedMemoryStatus(w http.ResponseWriter, r *http.Request) error {
	res, err := s.inference.SystemSharedMemoryStatus(r.Context(), &inference.SystemSharedMemoryStatusRequest{Name: r.PathValue("region")})
	if err != nil {
		return err
	}
	regions := []restRegion{}
	for _, name := range slices.Sorted(maps.Keys(res.GetRegions())) {
		region := res.GetRegions()[name]
		regions = append(regions, restRegion{region.GetName(), region.GetKey(), region.GetOffset(), region.GetByteSize()})
	}
	s.writeJSON(w, http.StatusOK, regions)
	return nil
}

func (s *REST) sharedMemoryRegister(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Key      *string `json:"key"`
		Offset   uint64  `json:"offset"`
		ByteSize *uint64 `json:"byte_size"`
	}
	if err := s.readJSON(r, &asked); err != nil {
		return err
	}
	switch {
	case r.PathValue("region") == "":
		return invalidf("region: name it in the path, as .../region/{name}/register")
	case asked.Key == nil:
		return invalidf("key is missing: give the name below /dev/shm")
	case asked.ByteSize == nil:
		return invalidf("byte_size is missing: give the region's size in bytes")
	}
	_, err := s.inference.SystemSharedMemoryRegister(r.Context(), &inference.SystemSharedMemoryRegisterRequest{
		Name: r.PathValue("region"), Key: *asked.Key, Offset: asked.Offset, ByteSize: *asked.ByteSize,
	})
	return s.done(w, err)
}

func (s *REST) sharedMemoryUnregister(w http.ResponseWriter, r *http.Request) error {
	_, err := s.inference.SystemSharedMemoryUnregister(r.Context(), &inference.SystemSharedMemoryUnregisterRequest{Name: r.PathValue("region")})
	return s.done(w, err)
}

func (s *REST) cudaMemoryStatus(w http.ResponseWriter, r *http.Request) error {
	_, err := s.inference.CudaSharedMemoryStatus(r.Context(), &inference.CudaSharedMemoryStatusRequest{Name: r.PathValue("region")})
	if err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, []struct{}{}) // no region is ever registered
	return nil
}

func (s *REST) cudaMemoryRegister(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		RawHandle struct {
			Base64 string `json:"b64"`
		} `json:"raw_handle"`
		DeviceID int64  `json:"device_id"`
		ByteSize uint64 `json:"byte_size"`
	}
	if err := s.readJSON(r, &asked); err != nil {
		return err
	}
	handle, err := base64.StdEncoding.DecodeString(asked.RawHandle.Base64)
	if err != nil {
		return invalidf("raw_handle: b64 is not base64: %v", err)
	}
	_, err = s.inference.CudaSharedMemoryRegister(r.Context(), &inference.CudaSharedMemoryRegisterRequest{
		Name: r.PathValue("region"), RawHandle: handle, DeviceId: asked.DeviceID, ByteSize: asked.ByteSize,
	})
	return s.done(w, err)
}

func (s *REST) cudaMemoryUnregister(w http.ResponseWriter, r *http.Request) error {
	_, err := s.inference.CudaSharedMemoryUnregister(r.Context(), &inference.CudaSharedMemoryUnregisterRequest{Name: r.PathValue("region")})
	return s.done(w, err)
}
