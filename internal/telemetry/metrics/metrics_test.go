package metrics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
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
	s.Arrived()
	s.Failed(time.Second)
	m.BuildInfo("1.2.3")
	var responses telemetry.Responses
	responses.Add("grpc", "unavailable")
	responses.Add("made up", "made up")
	m.Responses(&responses)
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
		`nv_inference_request_success{model="a",version="1"} 1`,
		`nv_inference_request_failure{model="a",version="1"} 1`,
		`nv_inference_count{model="a",version="1"} 4`,
		`nv_inference_exec_count{model="a",version="1"} 1`,
		`nv_inference_request_duration_us{model="a",version="1"} 3000`,
		`nv_inference_queue_duration_us{model="a",version="1"} 0`,
		`nv_inference_compute_infer_duration_us{model="a",version="1"} 1000`,
		`nv_inference_pending_request_count{model="a",version="1"} 2`,
		`nv_cache_num_hits_per_model{model="a",version="1"} 1`,
		`nv_cache_num_misses_per_model{model="a",version="1"} 0`,
		`nv_cache_hit_duration_per_model{model="a",version="1"} 0.001`,
		"# TYPE nv_inference_request_success counter\n",
		"# TYPE nv_inference_pending_request_count gauge\n",
		`tensorwire_build_info{go_version="` + runtime.Version() + `",version="1.2.3"} 1`,
		`tensorwire_responses_total{code="unavailable",protocol="grpc"} 1`,
		`tensorwire_responses_total{code="ok",protocol="grpc"} 0`,
		`tensorwire_responses_total{code="unknown",protocol="http"} 1`,
		`tensorwire_memory_bytes 7`,
		`go_goroutines `,
		`process_resident_memory_bytes `,
	} {
		if !strings.Contains(string(text), line) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

func TestLoadsAndStatesAreExported(t *testing.T) {
	var loads telemetry.Loads
	m := metrics.New(func() []metrics.Model { return nil })
	m.Loads(&loads)
	m.States(func() []metrics.State {
		return []metrics.State{{Model: "a", Version: "1", Ready: true, LoadFailed: true, Worker: &metrics.Worker{PID: 42, Restarts: 3}}, {Model: "b", Version: "2", Unhealthy: true}, {Model: "empty", LoadFailed: true}}
	})
	scrape := func() string {
		answer := httptest.NewRecorder()
		m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		if answer.Code != http.StatusOK {
			t.Fatalf("%d: %s", answer.Code, answer.Body)
		}
		return answer.Body.String()
	}
	loads.LoadStarted("a", 2)("memory")
	loads.LoadStarted("a", 2)("memory")
	loads.LoadStarted("a", 2)("")
	abandoned := loads.LoadStarted("a", 3)
	again := loads.LoadStarted("a", 3)
	text := scrape()
	for _, line := range []string{
		`tensorwire_model_load_failures_total{model="a",reason="memory"} 2`,
		`tensorwire_model_load_in_progress_seconds{model="a",version="3"} `,
		`tensorwire_model_ready{model="a",version="1"} 1`,
		`tensorwire_model_unhealthy{model="a",version="1"} 0`,
		`tensorwire_model_load_failed{model="a",version="1"} 1`,
		`tensorwire_model_worker_pid{model="a",version="1"} 42`,
		`tensorwire_model_worker_restarts_total{model="a",version="1"} 3`,
		`tensorwire_model_ready{model="b",version="2"} 0`,
		`tensorwire_model_unhealthy{model="b",version="2"} 1`,
		`tensorwire_model_load_failed{model="empty",version=""} 1`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	if strings.Contains(text, `_in_progress_seconds{model="a",version="2"}`) {
		t.Errorf("a load that has ended is in progress:\n%s", text)
	}
	abandoned("time_limit")
	again("")
	if text := scrape(); strings.Contains(text, "in_progress") {
		t.Errorf("no load is in progress:\n%s", text)
	}
}
