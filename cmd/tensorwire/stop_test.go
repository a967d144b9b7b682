package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// asProgram makes the test binary run the program, for tests that leave the engine
// loaded at the end of the process.
const asProgram = "TENSORWIRE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	tensorwire.RunWorker()
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(func() int {
		library, err := onnxtest.Library()
		if err == nil {
			err = os.Setenv(onnxtest.LibraryVariable, library)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// A worker that loads a model ends with the server, which has nothing to wait for.
func TestStopsWhileAWorkerLoads(t *testing.T) {
	dir := t.TempDir()
	slowToLoad().Write(t, filepath.Join(dir, "slow/1/model.onnx"))
	for _, wait := range []time.Duration{500 * time.Millisecond, 2 * time.Second} {
		code, out := stopAfter(t, wait, "serve", "--models", dir, "--model-control", "none", "--listen", "127.0.0.1:0", "--shutdown-timeout", "10s", "--isolation", "version")
		if code != exitOK && code != -1 { // -1: before the program handled signals
			t.Errorf("after %v the server ended with %d:\n%s", wait, code, out)
		}
	}
}

// TestStopsWhileAModelLoads sends SIGTERM while the engine loads a model in the server's
// process, which cannot be interrupted.
func TestStopsWhileAModelLoads(t *testing.T) {
	dir := t.TempDir()
	slowToLoad().Write(t, filepath.Join(dir, "slow/1/model.onnx"))
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		code, out := stopAfter(t, wait, "serve", "--models", dir, "--model-control", "none", "--listen", "127.0.0.1:0", "--shutdown-timeout", "100ms", "--isolation", "off")
		switch {
		case code == exitOK, code == -1:
			// The signal came before the load, or before the program.
		case code != exitError || !strings.Contains(out, "--shutdown-timeout"):
			t.Fatalf("the server ended with %d:\n%s", code, out)
		default:
			return
		}
	}
}

// stopAfter runs the program, sends it SIGTERM after a while, and returns its exit code, -1
// where a signal ended it, and its output.
func stopAfter(t *testing.T, wait time.Duration, args ...string) (code int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // bounds the test
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(wait)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code has the result
	if ctx.Err() != nil {
		t.Fatalf("the server does not stop:\n%s", &printed)
	}
	return cmd.ProcessState.ExitCode(), printed.String()
}

// slowToLoad is a graph of constants whose products take the engine minutes to fold
// during the load.
func slowToLoad() onnxtest.Graph {
	g := onnxtest.Unary("Identity", onnxtest.Float32, 1)
	g.Initializers = append(g.Initializers, onnxtest.Initializer{Name: "shape", Elem: onnxtest.Int64, Dims: []int64{2}, Raw: []byte("\x00\x08\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00")})
	g.Nodes = append(g.Nodes, onnxtest.Node{Op: "ConstantOfShape", Inputs: []string{"shape"}, Outputs: []string{"product0"}})
	const products = 1000
	for i := range products {
		g.Nodes = append(g.Nodes, onnxtest.Node{Op: "MatMul", Inputs: []string{"product" + strconv.Itoa(i), "product0"}, Outputs: []string{"product" + strconv.Itoa(i+1)}})
	}
	g.Outputs = append(g.Outputs, onnxtest.Value{Name: "product" + strconv.Itoa(products), Elem: onnxtest.Float32, Dims: []any{2048, 2048}})
	return g
}
