package admin

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// traceSettings returns Triton's trace settings with their values, which do not change while the
// server runs. Without a collector they are Triton's defaults (server/docs/user_guide/trace.md).
// With one, the spans have the times of the steps of requests, and trace_rate is one in how many
// requests is traced.
func (o *Options) traceSettings() map[string]string {
	settings := map[string]string{
		"trace_level":   "OFF",
		"trace_rate":    "1000",
		"trace_count":   "-1",
		"log_frequency": "0",
		"trace_file":    "",
		"trace_mode":    "triton",
	}
	if o.Tracing {
		settings["trace_mode"] = "opentelemetry"
		if o.SampleRatio > 0 {
			settings["trace_level"] = "TIMESTAMPS"
			settings["trace_rate"] = strconv.FormatFloat(math.Round(1/o.SampleRatio), 'f', -1, 64)
		}
	}
	return settings
}

// TraceSetting implements the RPC. A request may set each setting to the value that it has,
// or clear it.
func (s *Service) TraceSetting(ctx context.Context, m *inference.TraceSettingRequest) (*inference.TraceSettingResponse, error) {
	if name := m.GetModelName(); name != "" {
		if _, _, err := s.lookup(ctx, name, ""); err != nil {
			return nil, s.failed(ctx, err)
		}
	} else if err := permission.CheckAllModels(ctx); err != nil {
		return nil, s.failed(ctx, err)
	}
	traceSettings := s.options.traceSettings()
	for _, name := range slices.Sorted(maps.Keys(m.GetSettings())) {
		has, known := traceSettings[name]
		if !known {
			return nil, s.failed(ctx, infer.Invalidf("setting %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(traceSettings)), ", ")))
		}
		for _, v := range m.GetSettings()[name].GetValue() {
			if v != has {
				return nil, s.failed(ctx, fmt.Errorf("%w: setting %s is %q: a running server does not change trace settings, and %s stays %q", infer.ErrNotSupported, name, v, name, has))
			}
		}
	}
	res := &inference.TraceSettingResponse{Settings: make(map[string]*inference.TraceSettingResponse_SettingValue, len(traceSettings))}
	for name, value := range traceSettings {
		res.Settings[name] = &inference.TraceSettingResponse_SettingValue{Value: []string{value}}
	}
	return res, nil
}
