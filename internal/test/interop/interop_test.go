// Package interop_test tests the server with existing clients of the Open Inference
// Protocol: tritonclient, KServe's SDK, perf_analyzer, grpcurl, and code that Go and
// JavaScript programs generate from the contract. `make interop` installs them and runs
// the tests.
package interop_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

const (
	root = "../../.."

	// enable is the environment variable that enables the tests, so that go test ./...
	// does not need the clients.
	enable = "TENSORWIRE_INTEROP"
)

// clients is the directory of setup-interop, relative to the repository's root.
const clients = "build/interop"

func TestInterop(t *testing.T) {
	if os.Getenv(enable) == "" {
		t.Skip("needs the clients of make interop: run make interop")
	}
	repository := writeRepository(t)
	// Shared memory and model control are for trusted clients, so a second server has
	// neither.
	// The first loads all models but the broken one, and so is ready; the second loads all.
	address := serve(t, "--models", repository, "--model-control", "explicit", "--load-model", strings.Join(loadable(t, repository), ","), "--allow-shared-memory")
	strict := serve(t, "--models", repository, "--model-control", "none")

	t.Run("python", func(t *testing.T) { runPython(t, repository, address, strict) })
	t.Run("go", func(t *testing.T) { run(t, nil, filepath.Join(root, clients, "goclient"), address) })
	t.Run("javascript", func(t *testing.T) { run(t, nil, "node", "javascript/client.mjs", address) })
	t.Run("grpcurl", func(t *testing.T) { runGrpcurl(t, address) })
	t.Run("perf_analyzer", func(t *testing.T) { runPerfAnalyzer(t, address) })
	t.Run("docs", func(t *testing.T) { runDocs(t, address) })
}

// loadable returns the names of the models in a repository that can be loaded.
func loadable(t *testing.T, repository string) []string {
	entries, err := os.ReadDir(repository)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.Name() != brokenModel {
			names = append(names, entry.Name())
		}
	}
	return names
}

// runPython runs each test file in a separate process.
func runPython(t *testing.T, repository, address, strict string) {
	files, err := filepath.Glob("python/*/test_*.py")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of tests: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "test_"), ".py")
		t.Run(name, func(t *testing.T) {
			out := run(t, []string{
				"INTEROP_ADDRESS=" + address, "INTEROP_STRICT_ADDRESS=" + strict, "INTEROP_MODELS=" + repository,
				"PYTHONDONTWRITEBYTECODE=1",
			}, filepath.Join(root, clients, "venv/bin/python"), "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "--strict-markers", file)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			t.Log(lines[len(lines)-1]) // the number of passed tests
		})
	}
}

// runGrpcurl calls the server with reflection, as a user does in a terminal.
func runGrpcurl(t *testing.T, address string) {
	grpcurl := filepath.Join(root, "build/tools/grpcurl")
	described := run(t, nil, grpcurl, "-plaintext", address, "describe", "inference.GRPCInferenceService.ModelInfer")
	if want := "rpc ModelInfer ( .inference.ModelInferRequest ) returns ( .inference.ModelInferResponse )"; !strings.Contains(described, want) {
		t.Errorf("does not print %q:\n%s", want, described)
	}

	if printed := run(t, nil, grpcurl, "-plaintext", "-d", `{"service": "simple"}`, address, "grpc.health.v1.Health/Check"); !strings.Contains(printed, `"SERVING"`) {
		t.Errorf("the health of a model is %s", printed)
	}

	numbers := strings.TrimSuffix(strings.Repeat("5,", 16), ",")
	request := fmt.Sprintf(`{"modelName": "simple", "inputs": [
		{"name": "INPUT0", "datatype": "INT32", "shape": [1, 16], "contents": {"intContents": [%s]}},
		{"name": "INPUT1", "datatype": "INT32", "shape": [1, 16], "contents": {"intContents": [%[1]s]}}
	], "outputs": [{"name": "OUTPUT0"}]}`, numbers)
	var response struct {
		ModelVersion      string
		RawOutputContents []string
	}
	printed := run(t, nil, grpcurl, "-plaintext", "-d", request, address, "inference.GRPCInferenceService/ModelInfer")
	if err := json.Unmarshal([]byte(printed), &response); err != nil || len(response.RawOutputContents) != 1 {
		t.Fatalf("got %s: %v", printed, err)
	}
	raw, err := base64.StdEncoding.DecodeString(response.RawOutputContents[0])
	var sums [16]int32
	if err == nil {
		_, err = binary.Decode(raw, binary.LittleEndian, &sums)
	}
	if err != nil || sums != [16]int32{10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10} {
		t.Errorf("5 + 5 is %v: %v", sums, err)
	}
}

// throughput matches perf_analyzer's report if requests succeeded.
var throughput = regexp.MustCompile(`Throughput: [1-9][0-9.]* infer/sec`)

// runPerfAnalyzer checks that perf_analyzer completes without an error. It measures
// nothing.
func runPerfAnalyzer(t *testing.T, address string) {
	if runtime.GOOS != "linux" {
		t.Skip("perf_analyzer is published for Linux only")
	}
	// Count windows instead of --request-count: with the latter, the workers stop after
	// that many sent requests, but perf_analyzer counts from the start of the
	// measurement. If a request completes before that, it waits forever.
	load := []string{
		"--concurrency-range", "2", "--measurement-mode", "count_windows", "--measurement-request-count", "50",
		"--stability-percentage", "999", // stops after three windows
	}
	for name, args := range map[string][]string{
		"grpc":               {"-i", "grpc", "-m", "simple"},
		"grpc/batches":       {"-i", "grpc", "-m", "simple", "-b", "4"},
		"grpc/async":         {"-i", "grpc", "-m", "simple", "--async"},
		"grpc/streaming":     {"-i", "grpc", "-m", "simple", "--streaming"},
		"grpc/compressed":    {"-i", "grpc", "-m", "simple", "--grpc-compression-algorithm", "gzip"},
		"grpc/strings":       {"-i", "grpc", "-m", "identity_bytes", "--shape", "INPUT0:2,3"},
		"grpc/shared memory": {"-i", "grpc", "-m", "simple", "--shared-memory", "system"},
		"http":               {"-i", "http", "-m", "simple"},
		"http/batches":       {"-i", "http", "-m", "simple", "-b", "4"},
		"http/async":         {"-i", "http", "-m", "simple", "--async"},
		"http/json":          {"-i", "http", "-m", "identity_fp32", "--shape", "INPUT0:1,6", "--input-tensor-format", "json", "--output-tensor-format", "json"},
		"http/strings":       {"-i", "http", "-m", "identity_bytes", "--shape", "INPUT0:2,3"},
		"http/shared memory": {"-i", "http", "-m", "simple", "--shared-memory", "system"},
		"http/digits":        {"-i", "http", "-m", "digits", "--shape", "image:1,1,28,28"},
	} {
		t.Run(name, func(t *testing.T) {
			out := run(t, nil, filepath.Join(root, clients, "perf_analyzer"), append(append(args, "-u", address), load...)...)
			if !throughput.MatchString(out) || strings.Contains(strings.ToLower(out), "error") {
				t.Errorf("reports no throughput, or an error:\n%s", out)
			}
		})
	}
}

// clientTimeout is far below the test's own timeout, so that a client that hangs is
// reported with its output.
const clientTimeout = 3 * time.Minute

// run runs a client, which must succeed, and returns its output.
func run(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second // children may keep the output open
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s %s hung for %v\n%s", filepath.Base(program), strings.Join(args, " "), clientTimeout, out)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(program), err, out)
	}
	return string(out)
}

// fails runs a client, which must fail, and returns its output.
func fails(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err == nil {
		t.Fatalf("%s succeeded:\n%s", filepath.Base(program), out)
	}
	return string(out)
}
