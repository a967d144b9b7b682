package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// infer sends rows to model m over REST, and returns the status and the body.
func infer(t *testing.T, p *process, rows ...[]float32) (int, string) {
	t.Helper()
	var data []string
	for _, row := range rows {
		data = append(data, strings.ReplaceAll(fmt.Sprint(row), " ", ","))
	}
	return post(t, p.url+"/v2/models/m/infer", "application/json", strings.NewReader(fmt.Sprintf(
		`{"inputs": [{"name": "x", "datatype": "FP32", "shape": [%d, %d], "data": [%s]}]}`, len(rows), len(rows[0]), strings.Join(data, ","))))
}

// repeats returns a graph that gives a row as often as it has elements other than zero. It
// declares that each row gives one.
func repeats() onnxtest.Graph {
	return onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "NonZero", Inputs: []string{"x"}, Outputs: []string{"found"}},
			{Op: "Gather", Inputs: []string{"found", "zero"}, Outputs: []string{"rows"}},
			{Op: "Gather", Inputs: []string{"x", "rows"}, Outputs: []string{"y"}},
		},
		Initializers: []onnxtest.Initializer{{Name: "zero", Elem: onnxtest.Int64, Raw: make([]byte, 8)}},
		Inputs:       []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"batch", 2}}},
		Outputs:      []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"batch", 2}}},
	}
}

// TestNoClientGetsTheRowsOfAnother sends requests, at the same time, of which one has two
// rows of output and the other none: in a batch their sum would be right.
func TestNoClientGetsTheRowsOfAnother(t *testing.T) {
	dir := t.TempDir()
	repeats().Write(t, filepath.Join(dir, "m", "1", "model.onnx"))
	config := `max_batch_size: 2 dynamic_batching { max_queue_delay_microseconds: 60000000 }`
	if err := os.WriteFile(filepath.Join(dir, "m", "config.pbtxt"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--models", dir)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if status, text := infer(t, p, []float32{0, 0}); strings.Contains(text, `"data":[7`) {
				t.Errorf("none: %d %s", status, text)
			}
		})
		group.Go(func() {
			if status, text := infer(t, p, []float32{7, 7}); status == http.StatusOK && !strings.Contains(text, `"data":[7,7,7,7]`) {
				t.Errorf("two rows: %d %s", status, text)
			}
		})
	}
	group.Wait()
	if got := statisticsOf(t, p, "m"); got.GetExecutionCount() != 20 {
		t.Errorf("requests were joined: %v", got)
	}
	if log := p.out.String(); strings.Count(log, "dynamic_batching is off") != 1 || !strings.Contains(log, "NonZero") {
		t.Errorf("the log is %s", log)
	}
}

// TestOneBadClientDoesNotAffectOthers sends sizes that do not fit inside the graph.
func TestOneBadClientDoesNotAffectOthers(t *testing.T) {
	dir := t.TempDir()
	onnxtest.Graph{
		Nodes: []onnxtest.Node{{Op: "Concat", Inputs: []string{"x", "w"}, Outputs: []string{"y"}, Ints: map[string]int64{"axis": 0}}},
		Initializers: []onnxtest.Initializer{
			{Name: "w", Dims: []int64{1, 3}, Data: []float32{1, 2, 3}},
		},
		Inputs:  []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"", ""}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"", ""}}},
	}.Write(t, filepath.Join(dir, "m", "1", "model.onnx"))
	p := start(t, "--models", dir)
	for range 10 { // before anything is known of the model
		if status, text := infer(t, p, []float32{1, 2}); status == http.StatusOK {
			t.Errorf("a bad size: %d %s", status, text)
		}
	}
	for range 10 {
		if status, text := infer(t, p, []float32{1, 2, 3}); status != http.StatusOK {
			t.Errorf("a valid size: %d %s", status, text)
		}
		if status, text := infer(t, p, []float32{1, 2}); status == http.StatusOK || status == http.StatusServiceUnavailable {
			t.Errorf("a bad size: %d %s", status, text)
		}
	}
	if status, text := infer(t, p, []float32{1, 2}); strings.Contains(text, ".cc") || strings.Contains(text, "onnxruntime::") || strings.Contains(text, dir) {
		t.Errorf("the text has a path or a signature: %d %s", status, text)
	}
}
