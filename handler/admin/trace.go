package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// traceSettings are Triton's trace settings with their values, which do not change: there is
// no tracer. The values are Triton's defaults (server/docs/user_guide/trace.md).
var traceSettings = map[string]string{
	"trace_level":   "OFF",
	"trace_rate":    "1000",
	"trace_count":   "-1",
	"log_frequency": "0",
	"trace_file":    "",
	"trace_mode":    "triton",
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
	for _, name := range slices.Sorted(maps.Keys(m.GetSettings())) {
		has, known := traceSettings[name]
		if !known {
			return nil, s.failed(ctx, infer.Invalidf("setting %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(traceSettings)), ", ")))
		}
		for _, v := range m.GetSettings()[name].GetValue() {
			if v != has {
				return nil, s.failed(ctx, fmt.Errorf("%w: setting %s is %q: this server does not trace, and %s stays %q", infer.ErrNotSupported, name, v, name, has))
			}
		}
	}
	res := &inference.TraceSettingResponse{Settings: make(map[string]*inference.TraceSettingResponse_SettingValue, len(traceSettings))}
	for name, value := range traceSettings {
		res.Settings[name] = &inference.TraceSettingResponse_SettingValue{Value: []string{value}}
	}
	return res, nil
}
