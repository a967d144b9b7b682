package handler

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// fileParameter begins the name of a load's parameter that is a file.
const fileParameter = "file:"

// readJSON reads the small body of a request that looks after the server into value,
// a pointer. An empty body leaves it as it is: clients send one where they have
// nothing to say.
func (s *REST) readJSON(r *http.Request, value any) error {
	b, err := s.readBody(r, -1)
	if err != nil {
		return err
	}
	defer b.free()
	if len(b.bytes()) == 0 {
		return nil
	}
	err = json.Unmarshal(b.bytes(), value)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return invalidf("body: %v at byte %d of the JSON", syntax, syntax.Offset)
	}
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return invalidf("body: %s is a %s at byte %d of the JSON, which does not fit", orBody(typed.Field), typed.Value, typed.Offset)
	}
	if err != nil {
		return invalidf("body: %v", err)
	}
	return nil
}

func orBody(field string) string {
	if field == "" {
		return "the body"
	}
	return field
}

// restIndex is a version of a model, or a model, in the repository's index.
type restIndex struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

func (s *REST) repositoryIndex(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Ready bool `json:"ready"`
	}
	if err := s.readJSON(r, &asked); err != nil {
		return err
	}
	res, err := s.inference.RepositoryIndex(r.Context(), &inference.RepositoryIndexRequest{RepositoryName: r.PathValue("repository"), Ready: asked.Ready})
	if err != nil {
		return err
	}
	index := make([]restIndex, len(res.GetModels()))
	for i, m := range res.GetModels() {
		index[i] = restIndex{m.GetName(), m.GetVersion(), m.GetState(), m.GetReason()}
	}
	s.writeJSON(w, http.StatusOK, index)
	return nil
}

// repositoryParameters reads the body of a load or an unload.
func (s *REST) repositoryParameters(r *http.Request) (map[string]*inference.ModelRepositoryParameter, error) {
	var asked struct {
		Parameters map[string]any `json:"parameters"`
	}
	if err := s.readJSON(r, &asked); err != nil {
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
			return nil, invalidf("parameters: %q is not base64: %v", name, err)
		}
		p.ParameterChoice = &inference.ModelRepositoryParameter_BytesParam{BytesParam: content}
	default:
		return nil, invalidf("parameters: %q is neither a string nor true or false", name)
	}
	return p, nil
}

func (s *REST) repositoryLoad(w http.ResponseWriter, r *http.Request) error {
	parameters, err := s.repositoryParameters(r)
	if err != nil {
		return err
	}
	_, err = s.inference.RepositoryModelLoad(r.Context(), &inference.RepositoryModelLoadRequest{
		RepositoryName: r.PathValue("repository"), ModelName: r.PathValue("model"), Parameters: parameters,
	})
	return s.done(w, err)
}

func (s *REST) repositoryUnload(w http.ResponseWriter, r *http.Request) error {
	parameters, err := s.repositoryParameters(r)
	if err != nil {
		return err
	}
	_, err = s.inference.RepositoryModelUnload(r.Context(), &inference.RepositoryModelUnloadRequest{
		RepositoryName: r.PathValue("repository"), ModelName: r.PathValue("model"), Parameters: parameters,
	})
	return s.done(w, err)
}

// done answers a request whose success is all that there is to say.
func (s *REST) done(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	return nil
}
