package chaos_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// soakVariable makes the tests of `make soak` run.
const soakVariable = "TENSORWIRE_SOAK"

// What the processes of a server with many small models may occupy together.
const (
	smallModels      = 500
	smallModelsBytes = 672 << 20
)

// Many small models share workers: TestManySmallModels prints the memory and the time until all
// are ready.
func TestManySmallModels(t *testing.T) {
	if os.Getenv(soakVariable) == "" {
		t.Skip("takes a minute: run make soak")
	}
	dir := t.TempDir()
	content := onnxtest.Unary("Neg", onnxtest.Float32, "batch", 3).Encode()
	all := make([]string, smallModels)
	for i := range all {
		all[i] = fmt.Sprintf("m%03d", i)
		if err := writeFile(filepath.Join(dir, all[i], "1", "model.onnx"), content); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	s := start(t, dir, false, "--isolation", "version")
	if err := s.waitReady(all...); err != nil {
		t.Fatal(err)
	}
	ready := time.Since(began)
	now, err := s.state()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d models are ready after %.1f s: %v", smallModels, ready.Seconds(), now)
	if now.memory > smallModelsBytes {
		t.Errorf("%d MiB of memory, want at most %d", now.memory>>20, smallModelsBytes>>20)
	}
}
