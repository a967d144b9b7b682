package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// configured writes a model that negates rows of 3 values, with that config.pbtxt.
func configured(t *testing.T, dir, name, config string) {
	t.Helper()
	onnxtest.Unary("Neg", onnxtest.Float32, "batch", 3).Write(t, filepath.Join(dir, name, "1", "model.onnx"))
	if err := os.WriteFile(filepath.Join(dir, name, "config.pbtxt"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// statisticsOf returns the statistics of a model from the API.
func statisticsOf(t *testing.T, p *process, model string) *inference.ModelStatistics {
	t.Helper()
	res, err := grpcClient(t, p).ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Name: model})
	if err != nil || len(res.GetModelStats()) != 1 {
		t.Fatalf("%v, %v", res, err)
	}
	return res.GetModelStats()[0]
}

// TestRequestsAreJoined fills a batch with concurrent requests of both APIs.
func TestRequestsAreJoined(t *testing.T) {
	dir := t.TempDir()
	configured(t, dir, "m", `max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 60000000 }`)
	p := start(t, "--models", dir)
	predictor, inferencer := client(newClient(t, true, nil), p.url), grpcClient(t, p)
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			value := float32(i)
			if i%2 == 0 {
				res, err := predictor.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: []float32{value, value, value}})
				if err != nil || len(res.GetPredictions()) != 3 || res.GetPredictions()[2] != -value {
					t.Errorf("caller %d: %v, %v", i, res, err)
				}
				return
			}
			res, err := inferencer.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: "m", Inputs: []*inferInput{{
				Name: "x", Datatype: "FP32", Shape: []int64{1, 3}, Contents: &inference.InferTensorContents{Fp32Contents: []float32{value, value, value}},
			}}})
			if err != nil || len(res.GetRawOutputContents()) != 1 || len(res.GetRawOutputContents()[0]) != 12 {
				t.Errorf("caller %d: %v, %v", i, res, err)
			}
		})
	}
	callers.Wait()
	got := statisticsOf(t, p, "m")
	if got.GetInferenceCount() != 8 || got.GetExecutionCount() != 1 || len(got.GetBatchStats()) != 1 || got.GetBatchStats()[0].GetBatchSize() != 8 {
		t.Errorf("%v", got)
	}
	for _, line := range []string{
		`tensorwire_executions_total{model="m",version="1"} 1`, `tensorwire_batch_size_sum{model="m",version="1"} 8`,
		`tensorwire_requests_total{model="m",outcome="success",version="1"} 8`, `tensorwire_queue_seconds_count{model="m",version="1"} 8`,
	} {
		if text := metrics(t, p); !strings.Contains(text, line) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

func metrics(t *testing.T, p *process) string {
	t.Helper()
	res, err := newClient(t, false, nil).Get(p.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", res.Status, err)
	}
	return string(text)
}

func TestAnswersAreKeptWhereTheConfigurationSaysSo(t *testing.T) {
	dir := t.TempDir()
	configured(t, dir, "kept", `response_cache { enable: true }`)
	configured(t, dir, "plain", ``)
	p := start(t, "--models", dir)
	c := client(newClient(t, true, nil), p.url)
	for _, model := range []string{"kept", "plain"} {
		for range 3 {
			res, err := c.Predict(t.Context(), &modelserving.InferenceRequest{ModelName: model, TensorData: []float32{1, 2, 3}})
			if err != nil || res.GetPredictions()[0] != -1 {
				t.Errorf("%v, %v", res, err)
			}
		}
	}
	kept, plain := statisticsOf(t, p, "kept"), statisticsOf(t, p, "plain")
	if kept.GetExecutionCount() != 1 || kept.GetInferenceCount() != 1 || kept.GetInferenceStats().GetCacheHit().GetCount() != 2 || kept.GetInferenceStats().GetCacheMiss().GetCount() != 1 || kept.GetInferenceStats().GetSuccess().GetCount() != 3 {
		t.Errorf("kept: %v", kept)
	}
	if plain.GetExecutionCount() != 3 || plain.GetInferenceStats().GetCacheHit().GetCount() != 0 {
		t.Errorf("plain: %v", plain)
	}
}

// TestWarmupsAreNotRequests warms up a model with a queue timeout below its batch delay,
// and with a response cache: a warmup passes through neither.
func TestWarmupsAreNotRequests(t *testing.T) {
	dir := t.TempDir()
	configured(t, dir, "m", `max_batch_size: 8 response_cache { enable: true }
		dynamic_batching { max_queue_delay_microseconds: 60000000 default_queue_policy { default_timeout_microseconds: 1 } }
		model_warmup { name: "w" count: 3 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 3 ] zero_data: true } } }`)
	p := start(t, "--models", dir)
	got := statisticsOf(t, p, "m") // which only a version that is ready has
	if stats := got.GetInferenceStats(); got.GetExecutionCount() != 0 || stats.GetCacheMiss().GetCount() != 0 || stats.GetFail().GetCount() != 0 {
		t.Errorf("%v", got)
	}
	if lines := metrics(t, p); !strings.Contains(lines, "tensorwire_response_cache_bytes 0\n") {
		t.Errorf("the cache has responses without a request:\n%s", lines)
	}
}

func TestTheServersCeilingOnDeadlines(t *testing.T) {
	dir := t.TempDir()
	configured(t, dir, "m", `max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 60000000 }`)
	p := start(t, "--models", dir, "--max-deadline", "50ms")
	_, err := client(newClient(t, true, nil), p.url).Predict(t.Context(), &modelserving.InferenceRequest{TensorData: []float32{1, 2, 3}})
	if connect.CodeOf(err) != connect.CodeDeadlineExceeded || !strings.Contains(err.Error(), "(max-deadline)") {
		t.Errorf("error %v", err)
	}
	if got := statisticsOf(t, p, "m"); got.GetExecutionCount() != 0 {
		t.Errorf("%v", got)
	}
}
