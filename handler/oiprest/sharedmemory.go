package oiprest

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// memoryRegion is a region of shared memory in Triton's form.
type memoryRegion struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Offset   uint64 `json:"offset"`
	ByteSize uint64 `json:"byte_size"`
}

func (h *Handler) sharedMemoryStatus(w http.ResponseWriter, r *http.Request) error {
	res, err := h.admin.SystemSharedMemoryStatus(r.Context(), &inference.SystemSharedMemoryStatusRequest{Name: r.PathValue("region")})
	if err != nil {
		return err
	}
	regions := []memoryRegion{}
	for _, name := range slices.Sorted(maps.Keys(res.GetRegions())) {
		region := res.GetRegions()[name]
		regions = append(regions, memoryRegion{region.GetName(), region.GetKey(), region.GetOffset(), region.GetByteSize()})
	}
	h.writeJSON(w, http.StatusOK, regions)
	return nil
}

func (h *Handler) sharedMemoryRegister(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Key      *string `json:"key"`
		Offset   uint64  `json:"offset"`
		ByteSize *uint64 `json:"byte_size"`
	}
	if err := h.readJSON(r, &asked); err != nil {
		return err
	}
	switch {
	case r.PathValue("region") == "":
		return infer.Invalidf("region: name it in the path, as .../region/{name}/register")
	case asked.Key == nil:
		return infer.Invalidf("key is missing: give the name below /dev/shm")
	case asked.ByteSize == nil:
		return infer.Invalidf("byte_size is missing: give the region's size in bytes")
	}
	_, err := h.admin.SystemSharedMemoryRegister(r.Context(), &inference.SystemSharedMemoryRegisterRequest{
		Name: r.PathValue("region"), Key: *asked.Key, Offset: asked.Offset, ByteSize: *asked.ByteSize,
	})
	return h.done(w, err)
}

func (h *Handler) sharedMemoryUnregister(w http.ResponseWriter, r *http.Request) error {
	_, err := h.admin.SystemSharedMemoryUnregister(r.Context(), &inference.SystemSharedMemoryUnregisterRequest{Name: r.PathValue("region")})
	return h.done(w, err)
}

func (h *Handler) cudaMemoryStatus(w http.ResponseWriter, r *http.Request) error {
	_, err := h.admin.CudaSharedMemoryStatus(r.Context(), &inference.CudaSharedMemoryStatusRequest{Name: r.PathValue("region")})
	if err != nil {
		return err
	}
	h.writeJSON(w, http.StatusOK, []struct{}{}) // no region is ever registered
	return nil
}

func (h *Handler) cudaMemoryRegister(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		RawHandle struct {
			Base64 string `json:"b64"`
		} `json:"raw_handle"`
		DeviceID int64  `json:"device_id"`
		ByteSize uint64 `json:"byte_size"`
	}
	if err := h.readJSON(r, &asked); err != nil {
		return err
	}
	handle, err := base64.StdEncoding.DecodeString(asked.RawHandle.Base64)
	if err != nil {
		return infer.Invalidf("raw_handle: b64 is not base64: %v", err)
	}
	_, err = h.admin.CudaSharedMemoryRegister(r.Context(), &inference.CudaSharedMemoryRegisterRequest{
		Name: r.PathValue("region"), RawHandle: handle, DeviceId: asked.DeviceID, ByteSize: asked.ByteSize,
	})
	return h.done(w, err)
}

func (h *Handler) cudaMemoryUnregister(w http.ResponseWriter, r *http.Request) error {
	_, err := h.admin.CudaSharedMemoryUnregister(r.Context(), &inference.CudaSharedMemoryUnregisterRequest{Name: r.PathValue("region")})
	return h.done(w, err)
}
