package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// TestModelsFollowTheDirectory replaces a model under load: by a new version, by another
// file, and by removing a version.
func TestModelsFollowTheDirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(version, op string) {
		// Write, then rename, as a copy into a served directory should.
		part := filepath.Join(dir, ".part")
		onnxtest.Unary(op, onnxtest.Float32, "batch", 3).Write(t, part)
		file := filepath.Join(dir, "m", version, "model.onnx")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(part, file); err != nil {
			t.Fatal(err)
		}
	}
	write("1", "Identity")
	p := start(t, "--models", dir, "--poll-interval", "100ms")
	c := client(newClient(t, true, nil), p.url)
	call := func() []float32 {
		res, err := c.Predict(t.Context(), &modelserving.InferenceRequest{ModelName: "m", TensorData: []float32{1, 2, 3}})
		if err != nil {
			t.Error(err)
		}
		return res.GetPredictions()
	}
	var calling sync.WaitGroup
	defer calling.Wait()
	stopped := make(chan struct{})
	defer close(stopped)
	calling.Go(func() {
		for {
			select {
			case <-stopped:
				return
			default:
				call()
			}
		}
	})
	wait := func(want []float32) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !slices.Equal(call(), want); time.Sleep(10 * time.Millisecond) {
			if t.Failed() || time.Now().After(deadline) {
				t.Fatalf("it answers %v, want %v", call(), want)
			}
		}
	}
	identity, negated := []float32{1, 2, 3}, []float32{-1, -2, -3}
	wait(identity)
	write("2", "Neg")
	wait(negated)
	write("2", "Identity")
	wait(identity)
	write("1", "Neg")
	if err := os.RemoveAll(filepath.Join(dir, "m", "2")); err != nil {
		t.Fatal(err)
	}
	wait(negated)
}

func TestExplicitControlStartsWithoutModels(t *testing.T) {
	dir := t.TempDir()
	onnxtest.Unary("Identity", onnxtest.Float32, "batch", 3).Write(t, filepath.Join(dir, "m", "1", "model.onnx"))
	for _, test := range []struct {
		args  []string
		ready string
	}{
		{nil, "serves 0 of 1 models"},
		{[]string{"--load-model", "m"}, "serves 1 of 1 models"},
	} {
		p := start(t, slices.Concat([]string{"--models", dir, "--model-control", "explicit"}, test.args)...)
		if !strings.Contains(p.out.String(), test.ready) {
			t.Errorf("%q prints %s", test.args, p.out)
		}
		res, err := newClient(t, false, nil).Get(p.url + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != http.StatusOK {
			t.Errorf("/readyz returns %s", res.Status)
		}
		p.end(t)
	}
}
