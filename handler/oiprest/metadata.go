package oiprest

import (
	"encoding/json"
	"net/http"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// serverLive reports that the process answers. Triton's answer is empty, and KServe's
// clients read JSON.
func (h *Handler) serverLive(w http.ResponseWriter, r *http.Request) error {
	res, err := h.admin.ServerLive(r.Context(), &inference.ServerLiveRequest{})
	if err != nil {
		return err
	}
	h.writeJSON(w, http.StatusOK, map[string]bool{"live": res.GetLive()})
	return nil
}

// serverReady answers 503 with the reason while not every model that should be loaded is
// ready. Triton answers 400: clients only distinguish 200 from other statuses.
func (h *Handler) serverReady(w http.ResponseWriter, _ *http.Request) error {
	if err := h.admin.NotReady(); err != nil {
		return &statusError{http.StatusServiceUnavailable, "the server is not ready: " + err.Error()}
	}
	h.writeJSON(w, http.StatusOK, map[string]bool{"ready": true})
	return nil
}

// modelReady answers 503 where a model exists but cannot be run, or keeps failing, and
// 404 where it does not exist.
func (h *Handler) modelReady(w http.ResponseWriter, r *http.Request) error {
	name, version := r.PathValue("model"), r.PathValue("version")
	lease, err := h.runner.Lease(r.Context(), name, version)
	if err != nil {
		return err
	}
	defer lease.Release()
	if err := lease.Failing(); err != nil {
		return err
	}
	h.writeJSON(w, http.StatusOK, struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}{name, true})
	return nil
}

func (h *Handler) serverMetadata(w http.ResponseWriter, r *http.Request) error {
	res, err := h.admin.ServerMetadata(r.Context(), &inference.ServerMetadataRequest{})
	if err != nil {
		return err
	}
	h.writeJSON(w, http.StatusOK, struct {
		Name       string   `json:"name"`
		Version    string   `json:"version"`
		Extensions []string `json:"extensions"`
	}{res.GetName(), res.GetVersion(), listed(res.GetExtensions())})
	return nil
}

// tensorMetadata describes a tensor of a model.
type tensorMetadata struct {
	Name     string  `json:"name"`
	DataType string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

func (h *Handler) modelMetadata(w http.ResponseWriter, r *http.Request) error {
	res, err := h.admin.ModelMetadata(r.Context(), &inference.ModelMetadataRequest{Name: r.PathValue("model"), Version: r.PathValue("version")})
	if err != nil {
		return err
	}
	h.writeJSON(w, http.StatusOK, struct {
		Name     string           `json:"name"`
		Versions []string         `json:"versions"`
		Platform string           `json:"platform"`
		Inputs   []tensorMetadata `json:"inputs"`
		Outputs  []tensorMetadata `json:"outputs"`
	}{res.GetName(), listed(res.GetVersions()), res.GetPlatform(), describeTensors(res.GetInputs()), describeTensors(res.GetOutputs())})
	return nil
}

func describeTensors(metadata []*inference.ModelMetadataResponse_TensorMetadata) []tensorMetadata {
	tensors := make([]tensorMetadata, len(metadata))
	for i, m := range metadata {
		tensors[i] = tensorMetadata{m.GetName(), m.GetDatatype(), listed(m.GetShape())}
	}
	return tensors
}

// modelConfig answers with the configuration in Triton's form, which differs from
// protobuf's JSON.
func (h *Handler) modelConfig(w http.ResponseWriter, r *http.Request) error {
	res, err := h.admin.ModelConfig(r.Context(), &inference.ModelConfigRequest{Name: r.PathValue("model"), Version: r.PathValue("version")})
	if err != nil {
		return err
	}
	text, err := modelconfig.JSON(res.GetConfig())
	if err != nil {
		return err
	}
	h.writeJSON(w, http.StatusOK, json.RawMessage(text))
	return nil
}

// listed returns list, with nil as an empty list, which is [] in JSON and not null.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
