package handler

import (
	"encoding/json"
	"net/http"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// serverLive says that the process answers. Triton's answer is empty and KServe's
// clients read one of JSON.
func (s *REST) serverLive(w http.ResponseWriter, r *http.Request) error {
	res, err := s.inference.ServerLive(r.Context(), &inference.ServerLiveRequest{})
	if err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, map[string]bool{"live": res.GetLive()})
	return nil
}

// serverReady answers 503 while the server should not be sent work, as its probe
// /readyz does. Triton answers 400 there: clients only tell 200 from all else.
func (s *REST) serverReady(w http.ResponseWriter, r *http.Request) error {
	res, err := s.inference.ServerReady(r.Context(), &inference.ServerReadyRequest{})
	switch {
	case err != nil:
		return err
	case !res.GetReady():
		return &statusError{http.StatusServiceUnavailable, "the server is not ready: it starts or stops"}
	}
	s.writeJSON(w, http.StatusOK, map[string]bool{"ready": true})
	return nil
}

// modelReady answers 503 where a model is there but cannot be run, or keeps failing, and
// 404 where there is none.
func (s *REST) modelReady(w http.ResponseWriter, r *http.Request) error {
	name, version := r.PathValue("model"), r.PathValue("version")
	lease, err := s.inference.models.Acquire(name, version)
	if err != nil {
		return err
	}
	defer lease.Release()
	if err := lease.Failing(); err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}{name, true})
	return nil
}

func (s *REST) serverMetadata(w http.ResponseWriter, r *http.Request) error {
	res, err := s.inference.ServerMetadata(r.Context(), &inference.ServerMetadataRequest{})
	if err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, struct {
		Name       string   `json:"name"`
		Version    string   `json:"version"`
		Extensions []string `json:"extensions"`
	}{res.GetName(), res.GetVersion(), listed(res.GetExtensions())})
	return nil
}

// restTensor is a tensor of a model, as its metadata tell of it.
type restTensor struct {
	Name     string  `json:"name"`
	DataType string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

func (s *REST) modelMetadata(w http.ResponseWriter, r *http.Request) error {
	res, err := s.inference.ModelMetadata(r.Context(), &inference.ModelMetadataRequest{Name: r.PathValue("model"), Version: r.PathValue("version")})
	if err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, struct {
		Name     string       `json:"name"`
		Versions []string     `json:"versions"`
		Platform string       `json:"platform"`
		Inputs   []restTensor `json:"inputs"`
		Outputs  []restTensor `json:"outputs"`
	}{res.GetName(), listed(res.GetVersions()), res.GetPlatform(), restTensors(res.GetInputs()), restTensors(res.GetOutputs())})
	return nil
}

func restTensors(metadata []*inference.ModelMetadataResponse_TensorMetadata) []restTensor {
	tensors := make([]restTensor, len(metadata))
	for i, m := range metadata {
		tensors[i] = restTensor{m.GetName(), m.GetDatatype(), listed(m.GetShape())}
	}
	return tensors
}

// modelConfig gives the configuration in Triton's form, which is not quite that of
// protobuf's JSON.
func (s *REST) modelConfig(w http.ResponseWriter, r *http.Request) error {
	res, err := s.inference.ModelConfig(r.Context(), &inference.ModelConfigRequest{Name: r.PathValue("model"), Version: r.PathValue("version")})
	if err != nil {
		return err
	}
	text, err := modelconfig.JSON(res.GetConfig())
	if err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, json.RawMessage(text))
	return nil
}

// listed returns list so that JSON has it as [] where it is empty, and not as null.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
