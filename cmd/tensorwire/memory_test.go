package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// layered is a model of many layers, each with a matrix of 250 kB: too small for C's
// allocator to map it on its own.
func layered(layers int) onnxtest.Graph {
	const width = 250
	g := onnxtest.Graph{Inputs: []onnxtest.Value{{Name: "layer0", Elem: onnxtest.Float32, Dims: []any{"batch", width}}}}
	for i := range layers {
		weights := make([]float32, width*width)
		for j := range weights {
			weights[j] = float32(i+j%7) / 1e5 // different from other layers, or the runtime shares them
		}
		matrix, next := fmt.Sprint("matrix", i), fmt.Sprint("layer", i+1)
		g.Initializers = append(g.Initializers, onnxtest.Initializer{Name: matrix, Dims: []int64{width, width}, Data: weights})
		g.Nodes = append(g.Nodes, onnxtest.Node{Op: "MatMul", Inputs: []string{fmt.Sprint("layer", i), matrix}, Outputs: []string{next}})
	}
	g.Outputs = []onnxtest.Value{{Name: fmt.Sprint("layer", layers), Elem: onnxtest.Float32, Dims: []any{"batch", width}}}
	return g
}

// residentMemory returns the anonymous resident memory of this process and its workers, in
// bytes, after Go has returned its free memory.
func residentMemory(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	sum := int64(0)
	for _, pid := range append(workers(t), os.Getpid()) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Skip("resident memory is read from /proc: ", err)
		}
		var kilobytes int64
		_, rest, _ := strings.Cut(string(status), "RssAnon:")
		if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
			t.Fatal(err)
		}
		sum += kilobytes << 10
	}
	return sum
}

// workers returns the process IDs of the children of this process.
func workers(t *testing.T) []int {
	t.Helper()
	return childrenOf(t, os.Getpid())
}

// childrenOf returns the process IDs of the children of a process.
func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// A model's memory is given back when it is unloaded, in the server's process as in a worker.
func TestUnloadedModelsReleaseTheirMemory(t *testing.T) {
	for _, isolation := range []string{"off", "version"} {
		t.Run(isolation, func(t *testing.T) { testUnloadedModels(t, isolation) })
	}
}

// soakVariable makes a test load a model of 100 MB a hundred times, for `make soak`.
const soakVariable = "TENSORWIRE_SOAK"

// testUnloadedModels loads, runs and unloads a model repeatedly. Runs are on several
// threads, which have arenas of their own in C.
func testUnloadedModels(t *testing.T, isolation string) {
	const callers = 4
	layers, rounds := 160, 15
	if os.Getenv(soakVariable) != "" {
		layers, rounds = 400, 100
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "m", "1", "model.onnx")
	layered(layers).Write(t, file)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	c := grpcClient(t, start(t, "--models", dir, "--model-control", "explicit", "--isolation", isolation))
	infer := &inference.ModelInferRequest{
		ModelName:        "m",
		Inputs:           []*inferInput{{Name: "layer0", Datatype: "FP32", Shape: []int64{1, 250}}},
		RawInputContents: [][]byte{tensor.AsBytes(make([]float32, 250))},
	}
	margin := info.Size() / 4
	if isolation == "version" {
		margin = 1 << 20 // a worker takes all of its memory along
	}
	var first, most int64
	for round := range rounds {
		if _, err := c.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{ModelName: "m"}); err != nil {
			t.Fatal(err)
		}
		var calling sync.WaitGroup
		for range callers {
			calling.Go(func() {
				if _, err := c.ModelInfer(t.Context(), infer); err != nil {
					t.Error(err)
				}
			})
		}
		calling.Wait()
		loaded := residentMemory(t)
		if _, err := c.RepositoryModelUnload(t.Context(), &inference.RepositoryModelUnloadRequest{ModelName: "m"}); err != nil {
			t.Fatal(err)
		}
		left := residentMemory(t)
		if round == 0 {
			// ONNX Runtime keeps what it allocates once: later rounds are compared with the first.
			first = left
			if loaded-left < info.Size()/2 {
				t.Errorf("a model of %d bytes gave %d back", info.Size(), loaded-left)
			}
		}
		more := left - first
		if most = max(most, more); more > margin {
			t.Errorf("after %d rounds, %d bytes more are resident than after the first; the model has %d", round+1, more, info.Size())
		}
	}
	t.Logf("a model of %d bytes, %d rounds: at most %d bytes more are resident than after the first", info.Size(), rounds, most)
}
