package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/telemetry/metrics"
)

// OpenMetrics is for scrapers that accept it, and only with exemplars: its rules for names would
// change those of Triton.
func TestHistogramsHaveExemplars(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for _, test := range []struct {
		exemplars, accepts bool
	}{
		{exemplars: true, accepts: true}, {exemplars: true}, {accepts: true},
	} {
		var s telemetry.Statistics
		for _, took := range []time.Duration{3 * time.Millisecond, 4 * time.Millisecond, time.Hour} {
			s.Arrived()
			s.Succeeded(time.Unix(1, 0), telemetry.Sample{BatchSize: 1, Total: took, TraceID: id})
		}
		s.Arrived()
		s.Succeeded(time.Unix(2, 0), telemetry.Sample{BatchSize: 1, Total: 3 * time.Millisecond}) // not traced
		m := metrics.New(func() []metrics.Model { return []metrics.Model{{Model: "a", Version: "1", Sums: s.Sums()}} })
		if test.exemplars {
			m.Exemplars()
		}
		r, w := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil), httptest.NewRecorder()
		if test.accepts {
			r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
		}
		m.Handler().ServeHTTP(w, r)
		text, open := w.Body.String(), test.exemplars && test.accepts
		for line, want := range map[string]bool{
			`tensorwire_request_seconds_bucket{model="a",version="1",le="0.005"} 3 # {trace_id="` + id + `"} 0.004 1.0` + "\n": open,
			`tensorwire_request_seconds_bucket{model="a",version="1",le="+Inf"} 4 # {trace_id="` + id + `"} 3600.0 1.0` + "\n": open,
			`tensorwire_request_seconds_bucket{model="a",version="1",le="0.005"} 3` + "\n":                                     !open,
			"# TYPE nv_inference_request_success unknown\n":                                                                    open,
			"# TYPE nv_inference_request_success counter\n":                                                                    !open,
			"nv_inference_request_success{model=\"a\",version=\"1\"} 4":                                                        true,
			"tensorwire_inferences_total{model=\"a\",version=\"1\"} 4":                                                         true,
			"# EOF\n": open,
		} {
			if strings.Contains(text, line) != want {
				t.Errorf("%+v: %q is there: %v\n%s", test, line, !want, text)
			}
		}
	}
}
