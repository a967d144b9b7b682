package metrics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/telemetry/metrics"
)

func TestMetricsAreTheStatistics(t *testing.T) {
	var s telemetry.Statistics
	s.Arrived()
	s.Arrived()
	s.Succeeded(time.Now(), telemetry.Sample{BatchSize: 4, Total: 3 * time.Millisecond, ComputeInfer: time.Millisecond})
	s.Executed(4, 0, time.Millisecond, 0)
	s.NotRun("queue_full")
	s.Queued(2, 300)
	s.LookedUp(true, 1)
	m := metrics.New(func() []metrics.Model {
		return []metrics.Model{{Model: "a", Version: "1", Sums: s.Sums()}, {Model: "b \"quoted\"", Version: "2"}}
	})
	m.Gauge("memory_bytes", "Bytes.", func() float64 { return 7 })
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(answer.Result().Body)
	if err != nil || answer.Code != http.StatusOK {
		t.Fatalf("%d, %v", answer.Code, err)
	}
	for _, line := range []string{
		`tensorwire_requests_total{model="a",outcome="success",version="1"} 1`,
		`tensorwire_requests_in_flight{model="a",version="1"} 1`,
		`tensorwire_requests_not_run_total{model="a",reason="queue_full",version="1"} 1`,
		`tensorwire_queue_requests{model="a",version="1"} 2`,
		`tensorwire_queue_bytes{model="a",version="1"} 300`,
		`tensorwire_inferences_total{model="a",version="1"} 4`,
		`tensorwire_response_cache_lookups_total{model="a",outcome="hit",version="1"} 1`,
		`tensorwire_request_seconds_bucket{model="a",version="1",le="0.0025"} 0`,
		`tensorwire_request_seconds_bucket{model="a",version="1",le="0.005"} 1`,
		`tensorwire_batch_size_bucket{model="a",version="1",le="2"} 0`,
		`tensorwire_batch_size_bucket{model="a",version="1",le="4"} 1`,
		`tensorwire_batch_size_sum{model="a",version="1"} 4`,
		`tensorwire_requests_total{model="b \"quoted\"",outcome="success",version="2"} 0`,
		`tensorwire_memory_bytes 7`,
		`go_goroutines `,
		`process_resident_memory_bytes `,
	} {
		if !strings.Contains(string(text), line) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}
