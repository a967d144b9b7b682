package oiprest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// fileParameter begins the name of a load's parameter that is a file.
const fileParameter = "file:"

// readJSON decodes the small body of a management request into value, a pointer. An empty
// body, which clients send for no parameters, leaves value unchanged.
func (h *Handler) readJSON(r *http.Request, value any) error {
	b, err := h.readBody(r, -1)
	if err != nil {
		return err
	}
	defer b.free()
	if len(b.bytes()) == 0 {
		return nil
	}
	err = json.Unmarshal(b.bytes(), value)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return infer.Invalidf("body: %v at byte %d of the JSON", syntax, syntax.Offset)
	}
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return infer.Invalidf("body: %s is a %s at byte %d of the JSON, which does not fit", orBody(typed.Field), typed.Value, typed.Offset)
	}
	if err != nil {
		return infer.Invalidf("body: %v", err)
	}
	return nil
}

func orBody(field string) string {
	if field == "" {
		return "the body"
	}
	return field
}

// indexEntry is a version of a model, or a model without versions, in the repository's
// index.
type indexEntry struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

func (h *Handler) repositoryIndex(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Ready bool `json:"ready"`
	}
	if err := h.readJSON(r, &asked); err != nil {
		return err
	}
	res, err := h.admin.RepositoryIndex(r.Context(), &inference.RepositoryIndexRequest{RepositoryName: r.PathValue("repository"), Ready: asked.Ready})
	if err != nil {
		return err
	}
	index := make([]indexEntry, len(res.GetModels()))
	for i, m := range res.GetModels() {
		index[i] = indexEntry{m.GetName(), m.GetVersion(), m.GetState(), m.GetReason()}
	}
	h.writeJSON(w, http.StatusOK, index)
	return nil
}

// repositoryParameters reads the body of a load or an unload.
func (h *Handler) repositoryParameters(r *http.Request) (map[string]*inference.ModelRepositoryParameter, error) {
	var asked struct {
		Parameters map[string]any `json:"parameters"`
	}
	if err := h.readJSON(r, &asked); err != nil {
		return nil, err
	}
	parameters := make(map[string]*inference.ModelRepositoryParameter, len(asked.Parameters))
	for name, value := range asked.Parameters {
		parameter, err := repositoryParameter(name, value)
		if err != nil {
			return nil, err
		}
		parameters[name] = parameter
	}
	return parameters, nil
}

func repositoryParameter(name string, value any) (*inference.ModelRepositoryParameter, error) {
	p := &inference.ModelRepositoryParameter{}
	switch value := value.(type) {
	case bool:
		p.ParameterChoice = &inference.ModelRepositoryParameter_BoolParam{BoolParam: value}
	case string:
		if !strings.HasPrefix(name, fileParameter) {
			p.ParameterChoice = &inference.ModelRepositoryParameter_StringParam{StringParam: value}
			break
		}
		content, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return nil, infer.Invalidf("parameters: %q is not base64: %v", name, err)
		}
		p.ParameterChoice = &inference.ModelRepositoryParameter_BytesParam{BytesParam: content}
	default:
		return nil, infer.Invalidf("parameters: %q is neither a string nor true or false", name)
	}
	return p, nil
}

func (h *Handler) repositoryLoad(w http.ResponseWriter, r *http.Request) error {
	parameters, err := h.repositoryParameters(r)
	if err != nil {
		return err
	}
	_, err = h.admin.RepositoryModelLoad(r.Context(), &inference.RepositoryModelLoadRequest{
		RepositoryName: r.PathValue("repository"), ModelName: r.PathValue("model"), Parameters: parameters,
	})
	return h.done(w, err)
}

func (h *Handler) repositoryUnload(w http.ResponseWriter, r *http.Request) error {
	parameters, err := h.repositoryParameters(r)
	if err != nil {
		return err
	}
	_, err = h.admin.RepositoryModelUnload(r.Context(), &inference.RepositoryModelUnloadRequest{
		RepositoryName: r.PathValue("repository"), ModelName: r.PathValue("model"), Parameters: parameters,
	})
	return h.done(w, err)
}

// done answers a request without a result.
func (h *Handler) done(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	w.Header().Set(wire.HeaderContentType, "application/json")
	w.WriteHeader(http.StatusOK)
	return nil
}
