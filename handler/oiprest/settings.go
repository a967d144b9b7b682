package oiprest

import (
	"math"
	"net/http"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// settings reads the settings of a POST; a GET has none.
func (h *Handler) settings(r *http.Request) (map[string]any, error) {
	if r.Method != http.MethodPost {
		return nil, nil
	}
	var asked map[string]any
	err := h.readJSON(r, &asked)
	return asked, err
}

// logSettings changes and returns the log settings. A null leaves a setting unchanged.
func (h *Handler) logSettings(w http.ResponseWriter, r *http.Request) error {
	asked, err := h.settings(r)
	if err != nil {
		return err
	}
	req := &inference.LogSettingsRequest{Settings: map[string]*inference.LogSettingsRequest_SettingValue{}}
	for name, value := range asked {
		setting := &inference.LogSettingsRequest_SettingValue{}
		switch value := value.(type) {
		case nil:
		case bool:
			setting.ParameterChoice = &inference.LogSettingsRequest_SettingValue_BoolParam{BoolParam: value}
		case string:
			setting.ParameterChoice = &inference.LogSettingsRequest_SettingValue_StringParam{StringParam: value}
		case float64:
			if value < 0 || value > math.MaxUint32 || value != math.Trunc(value) {
				return infer.Invalidf("%s is %v: give a whole number from 0", name, value)
			}
			setting.ParameterChoice = &inference.LogSettingsRequest_SettingValue_Uint32Param{Uint32Param: uint32(value)}
		default:
			return infer.Invalidf("%s is neither a string, a number, nor true or false", name)
		}
		req.Settings[name] = setting
	}
	res, err := h.admin.LogSettings(r.Context(), req)
	if err != nil {
		return err
	}
	answer := make(map[string]any, len(res.GetSettings()))
	for name, value := range res.GetSettings() {
		switch value := value.GetParameterChoice().(type) {
		case *inference.LogSettingsResponse_SettingValue_BoolParam:
			answer[name] = value.BoolParam
		case *inference.LogSettingsResponse_SettingValue_Uint32Param:
			answer[name] = value.Uint32Param
		case *inference.LogSettingsResponse_SettingValue_StringParam:
			answer[name] = value.StringParam
		}
	}
	h.writeJSON(w, http.StatusOK, answer)
	return nil
}

// traceLevels is the one trace setting that is a list.
const traceLevels = "trace_level"

// traceSetting changes and returns the trace settings of the server, or of the model in
// the path. A null resets a setting.
func (h *Handler) traceSetting(w http.ResponseWriter, r *http.Request) error {
	asked, err := h.settings(r)
	if err != nil {
		return err
	}
	req := &inference.TraceSettingRequest{ModelName: r.PathValue("model"), Settings: map[string]*inference.TraceSettingRequest_SettingValue{}}
	for name, value := range asked {
		setting := &inference.TraceSettingRequest_SettingValue{}
		if setting.Value, err = traceValues(name, value); err != nil {
			return err
		}
		req.Settings[name] = setting
	}
	res, err := h.admin.TraceSetting(r.Context(), req)
	if err != nil {
		return err
	}
	answer := make(map[string]any, len(res.GetSettings()))
	for name, value := range res.GetSettings() {
		switch values := value.GetValue(); {
		case name == traceLevels || len(values) > 1:
			answer[name] = listed(values)
		case len(values) == 1:
			answer[name] = values[0]
		default:
			answer[name] = ""
		}
	}
	h.writeJSON(w, http.StatusOK, answer)
	return nil
}

// traceValues reads a trace setting: a text, a list of texts, or null for none.
func traceValues(name string, value any) ([]string, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{value}, nil
	case []any:
		texts := make([]string, len(value))
		for i, item := range value {
			text, ok := item.(string)
			if !ok {
				return nil, infer.Invalidf("%s has an element that is no string: item %d", name, i)
			}
			texts[i] = text
		}
		return texts, nil
	}
	return nil, infer.Invalidf("%s is neither a string nor a list of strings", name)
}
