package oip_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/handler/oip"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/telemetry/metrics"
)

// outcomes are the answers that callers got, by what they said.
type outcomes struct {
	mu   sync.Mutex
	of   map[string]uint64
	rows uint64 // of the answers
}

func (o *outcomes) add(err error, rows uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		o.of["success"]++
		o.rows += rows
		return
	case connect.CodeOf(err) == connect.CodeDeadlineExceeded, connect.CodeOf(err) == connect.CodeCanceled:
		o.of["left"]++
	case strings.Contains(err.Error(), scheduler.ErrBusy.Error()):
		o.of["busy"]++
	case strings.Contains(err.Error(), scheduler.ErrQueueFull.Error()):
		o.of["queue_full"]++
	case strings.Contains(err.Error(), scheduler.ErrTimeout.Error()):
		o.of["timeout"]++
	default:
		o.of["error"]++
	}
	o.of["failure"]++
}

// mixed sends requests of all kinds to a model that takes 20 ms for a batch, and returns
// the answers.
func mixed(t *testing.T, service *oip.Service) *outcomes {
	t.Helper()
	got := &outcomes{of: map[string]uint64{}}
	random := rand.New(rand.NewPCG(1, 2))
	var group sync.WaitGroup
	for i := range 1500 {
		rows := 1 + random.IntN(3)
		values := make([]float32, rows)
		for j := range values {
			values[j] = float32(i + 1)
		}
		if random.IntN(20) == 0 {
			values[0] = -1 // which the model cannot compute
		}
		request := handlertest.VectorRequest("", values...)
		request.Inputs[0].Shape = []int64{int64(rows), 1}
		if random.IntN(5) == 0 {
			request.Parameters = handlertest.Parameters{"timeout": handlertest.Int64(int64(1000 * random.IntN(1+random.IntN(20))))}
		}
		wait := time.Hour
		if random.IntN(5) == 0 {
			wait = time.Duration(1+random.IntN(100)) * time.Millisecond
		}
		group.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			if i%2 == 0 { // others leave without having said so before
				ctx, cancel = context.WithTimeout(t.Context(), wait)
			}
			defer cancel()
			defer time.AfterFunc(wait, cancel).Stop()
			_, err := service.ModelInfer(ctx, request)
			got.add(err, uint64(rows))
		})
		time.Sleep(time.Duration(random.IntN(8)) * time.Millisecond)
		if i%25 == 0 { // the queue empties: an idle model refuses nothing, and waits for a batch
			time.Sleep(200 * time.Millisecond)
		}
	}
	group.Wait()
	time.Sleep(time.Minute) // those whose callers have left have been computed
	return got
}

// TestStatisticsAreWhatCallersSaw compares the answers to requests of all kinds with
// ModelStatistics and with the metrics.
func TestStatisticsAreWhatCallersSaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		ran := map[int64]uint64{} // calls that were answered, by rows
		m := infertest.Echo(tensor.FP32, -1, 1)
		m.Instances, m.MaxQueue, m.Config = 1, 12, &inference.ModelConfig{MaxBatchSize: 8}
		m.Batching = &scheduler.Batching{MaxSize: 8, MaxDelay: 5 * time.Millisecond}
		m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
			time.Sleep(20 * time.Millisecond)
			values, _ := tensor.View[float32](inputs[0].Data)
			for _, v := range values {
				if v < 0 {
					return nil, fmt.Errorf("%w: negative", engine.ErrBadInput) // no reason to probe the model
				}
			}
			mu.Lock()
			ran[inputs[0].Shape[0]]++
			mu.Unlock()
			return &engine.Result{Outputs: inputs, Timings: engine.Timings{Compute: 20 * time.Millisecond}}, nil
		}
		service, models := handlertest.OIP(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
		got := mixed(t, service)
		for _, kind := range []string{"success", "left", "busy", "queue_full", "timeout", "error"} {
			if got.of[kind] < 10 {
				t.Errorf("only %d answers of %q: %v", got.of[kind], kind, got.of)
			}
		}
		res, err := service.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Name: "m"})
		if err != nil {
			t.Fatal(err)
		}
		stats := res.GetModelStats()[0]
		calls, batches := uint64(0), map[int64]uint64{}
		for _, b := range stats.GetBatchStats() {
			n := b.GetComputeInfer().GetCount()
			calls, batches[int64(b.GetBatchSize())] = calls+n, n
			if b.GetComputeInfer().GetNs() != n*uint64(20*time.Millisecond) || b.GetComputeInput().GetCount() != n || b.GetComputeOutput().GetCount() != n {
				t.Errorf("%v", b)
			}
		}
		if fmt.Sprint(batches) != fmt.Sprint(ran) || calls != stats.GetExecutionCount() {
			t.Errorf("%d calls by size %v, the engine saw %v", stats.GetExecutionCount(), batches, ran)
		}
		of := stats.GetInferenceStats()
		if of.GetSuccess().GetCount() != got.of["success"] || of.GetFail().GetCount() != got.of["failure"] || stats.GetInferenceCount() != got.rows {
			t.Errorf("%v, callers saw %v of %d rows", stats, got.of, got.rows)
		}
		for _, step := range []*inference.StatisticDuration{of.GetQueue(), of.GetComputeInput(), of.GetComputeInfer(), of.GetComputeOutput()} {
			if step.GetCount() != got.of["success"] {
				t.Errorf("%v", of)
			}
		}
		if of.GetQueue().GetNs() == 0 || of.GetSuccess().GetNs() != of.GetQueue().GetNs()+of.GetComputeInfer().GetNs() {
			t.Errorf("the steps do not add up: %v", of)
		}
		statistics := models.Snapshot().Models[0].Newest().Statistics
		notRun := statistics.Sums().NotRun
		if notRun["queue_full"] != got.of["queue_full"] || notRun["timeout"] != got.of["timeout"] || notRun["cancelled"] == 0 || notRun["cancelled"] > got.of["left"] || notRun["busy"] != got.of["busy"] {
			t.Errorf("not run: %v, callers saw %v", notRun, got.of)
		}
		text := scrape(statistics)
		for line, value := range map[string]uint64{
			`requests_total{model="m",outcome="success",version="1"}`: got.of["success"], `requests_total{model="m",outcome="failure",version="1"}`: got.of["failure"],
			`requests_not_run_total{model="m",reason="queue_full",version="1"}`: got.of["queue_full"], `requests_not_run_total{model="m",reason="timeout",version="1"}`: got.of["timeout"],
			`requests_not_run_total{model="m",reason="cancelled",version="1"}`: notRun["cancelled"],
			`requests_in_flight{model="m",version="1"}`:                        0, `queue_requests{model="m",version="1"}`: 0, `queue_bytes{model="m",version="1"}`: 0, `executions_running{model="m",version="1"}`: 0,
			`inferences_total{model="m",version="1"}`: got.rows, `executions_total{model="m",version="1"}`: calls, `batch_size_count{model="m",version="1"}`: calls,
			`request_seconds_count{model="m",version="1"}`: got.of["success"], `queue_seconds_count{model="m",version="1"}`: got.of["success"], `compute_seconds_count{model="m",version="1"}`: got.of["success"],
		} {
			if want := fmt.Sprintf("\ntensorwire_%s %d\n", line, value); !strings.Contains(text, want) {
				t.Errorf("no line %q", want)
			}
		}
	})
}

func scrape(statistics *telemetry.Statistics) string {
	w := httptest.NewRecorder()
	metrics.New(func() []metrics.Model {
		return []metrics.Model{{Model: "m", Version: "1", Sums: statistics.Sums()}}
	}).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// Triton counts an answer from the cache as a success that has waited, and not as an
// inference.
func TestStatisticsOfTheResponseCache(t *testing.T) {
	m := infertest.Echo(tensor.FP32, -1)
	m.Cache = respcache.New(1 << 20)
	service, _ := handlertest.OIP(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	for _, value := range []float32{1, 2, 1, 1} {
		res, err := service.ModelInfer(t.Context(), handlertest.VectorRequest("", value))
		if err != nil || string(res.GetRawOutputContents()[0]) != string(tensor.AsBytes([]float32{value})) {
			t.Fatalf("%v, %v", res, err)
		}
	}
	res, err := service.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Name: "m"})
	if err != nil {
		t.Fatal(err)
	}
	stats := res.GetModelStats()[0]
	counts := fmt.Sprint(stats.GetInferenceCount(), stats.GetExecutionCount())
	of := stats.GetInferenceStats()
	for _, d := range []*inference.StatisticDuration{of.GetSuccess(), of.GetFail(), of.GetQueue(), of.GetComputeInput(), of.GetComputeInfer(), of.GetComputeOutput(), of.GetCacheHit(), of.GetCacheMiss()} {
		counts += fmt.Sprint(" ", d.GetCount())
	}
	if want := "2 2 4 0 4 2 2 2 2 2"; counts != want {
		t.Errorf("%s, want %s", counts, want)
	}
}
