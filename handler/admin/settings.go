package admin

import (
	"context"
	"fmt"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// The protocol's names of log formats. ISO8601 is that of lines that begin with a time such
// as 2026-01-02T15:04:05Z, as those of the log do. default is the server's own format, and so
// the same one.
const (
	isoFormat     = "ISO8601"
	defaultFormat = "default"
)

// logSetting is a log setting: a description of its values, and its change. change
// returns nil where value does not fit.
type logSetting struct {
	values string
	change func(value *inference.LogSettingsRequest_SettingValue) func()
}

// logSettings are the log settings that can be changed, by name.
func (s *Service) logSettings() map[string]logSetting {
	levels := s.options.LogLevels
	truth := func(set func(bool)) logSetting {
		return logSetting{"true or false (bool_param)", func(value *inference.LogSettingsRequest_SettingValue) func() {
			if v, ok := value.GetParameterChoice().(*inference.LogSettingsRequest_SettingValue_BoolParam); ok {
				return func() { set(v.BoolParam) }
			}
			return nil
		}}
	}
	return map[string]logSetting{
		"log_info":    truth(levels.SetInfo),
		"log_warning": truth(levels.SetWarning),
		"log_error":   truth(levels.SetError),
		"log_verbose_level": {"a level from 0 (uint32_param)", func(value *inference.LogSettingsRequest_SettingValue) func() {
			if v, ok := value.GetParameterChoice().(*inference.LogSettingsRequest_SettingValue_Uint32Param); ok {
				return func() { levels.SetVerbose(v.Uint32Param) }
			}
			return nil
		}},
		"log_format": {"ISO8601 or default (string_param), which are the same format", func(value *inference.LogSettingsRequest_SettingValue) func() {
			if format := value.GetStringParam(); format == isoFormat || format == defaultFormat {
				return func() { s.logFormat.Store(format) }
			}
			return nil
		}},
	}
}

// LogSettings implements the RPC. Where one setting is wrong, none is changed.
func (s *Service) LogSettings(ctx context.Context, m *inference.LogSettingsRequest) (*inference.LogSettingsResponse, error) {
	known := s.logSettings()
	var changes []func()
	for name, value := range m.GetSettings() {
		setting, ok := known[name]
		if !ok {
			return nil, s.failed(ctx, unknownLogSetting(name))
		}
		change := setting.change(value)
		if change == nil {
			return nil, s.failed(ctx, infer.Invalidf("setting %s: give %s", name, setting.values))
		}
		changes = append(changes, change)
	}
	for _, change := range changes {
		change()
	}
	return s.currentLogSettings(), nil
}

func unknownLogSetting(name string) error {
	if name == "log_file" {
		return fmt.Errorf("%w: setting log_file: the log goes to standard error, which requests cannot change", infer.ErrNotSupported)
	}
	return infer.Invalidf("setting %q: there are log_verbose_level, log_info, log_warning, log_error and log_format", name)
}

func (s *Service) currentLogSettings() *inference.LogSettingsResponse {
	levels := s.options.LogLevels
	truth := func(v bool) *inference.LogSettingsResponse_SettingValue {
		return &inference.LogSettingsResponse_SettingValue{ParameterChoice: &inference.LogSettingsResponse_SettingValue_BoolParam{BoolParam: v}}
	}
	text := func(v string) *inference.LogSettingsResponse_SettingValue {
		return &inference.LogSettingsResponse_SettingValue{ParameterChoice: &inference.LogSettingsResponse_SettingValue_StringParam{StringParam: v}}
	}
	return &inference.LogSettingsResponse{Settings: map[string]*inference.LogSettingsResponse_SettingValue{
		"log_file":          text(""), // standard error
		"log_info":          truth(levels.Info()),
		"log_warning":       truth(levels.Warning()),
		"log_error":         truth(levels.Error()),
		"log_verbose_level": {ParameterChoice: &inference.LogSettingsResponse_SettingValue_Uint32Param{Uint32Param: levels.Verbose()}},
		"log_format":        text(s.logFormat.Load().(string)),
	}}
}
