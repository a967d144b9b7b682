package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

const (
	endless     = 1_000_000_000_000 // iterations of a loop
	oneInstance = "instance_group [ { count: 1 } ]\n"
)

// counts checks that the model loop, which counts to its input, gives the right number.
func counts(ctx context.Context, send sender) error {
	if code, text, output := send(ctx, "loop", integers(3)); code != "" || !slices.Equal(output, tensor.AsBytes([]int64{3})) {
		return fmt.Errorf("a short loop: %s %s %v", code, text, output)
	}
	return nil
}

// isRunning waits until a model computes.
func isRunning(t *testing.T, url, model string) {
	t.Helper()
	running := regexp.MustCompile(`(?m)^tensorwire_executions_running\{model="` + model + `",version="1"\} 1$`)
	eventually(t, "the model "+model+" computes", func() bool { return running.MatchString(metrics(t, &process{url: url})) })
}

// An endless run ends with its client, without the end of its worker.
func TestAnEndlessRunEndsWithItsClient(t *testing.T) {
	for _, isolation := range []string{"version", "shared"} {
		t.Run(isolation, func(t *testing.T) {
			dir := t.TempDir()
			writeModel(t, dir, "loop", onnxtest.Loop().Encode(), oneInstance)
			p := start(t, "--models", dir, "--isolation", isolation)
			for protocol, send := range senders(t, p.url, hostile) {
				ctx, leave := context.WithCancel(t.Context())
				left := make(chan struct{})
				go func() {
					defer close(left)
					if code, text, _ := send(ctx, "loop", integers(endless)); code == "" {
						t.Errorf("%s: it has ended: %s", protocol, text)
					}
				}()
				isRunning(t, p.url, "loop")
				leave()
				<-left
				if err := counts(t.Context(), send); err != nil { // on the only instance
					t.Errorf("%s: %v", protocol, err)
				}
			}
			if n := counter(t, p, "worker_deaths_total"); n != 0 {
				t.Errorf("%d workers died", n)
			}
		})
	}
}

// An endless run ends at the run limit: of the server, and of the model.
func TestAnEndlessRunEndsAtItsLimit(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		args   []string
	}{
		"setting":   {"", []string{"--run-timeout", "500ms"}},
		"parameter": {parameter("run_timeout", "500ms"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeModel(t, dir, "loop", onnxtest.Loop().Encode(), oneInstance+test.config)
			p := start(t, slices.Concat([]string{"--models", dir, "--isolation", "version"}, test.args)...)
			for protocol, send := range senders(t, p.url, hostile) {
				if code, text, _ := send(t.Context(), "loop", integers(endless)); code != "deadline_exceeded" || !strings.Contains(text, "500ms") {
					t.Errorf("%s: %s %s", protocol, code, text)
				}
				if err := counts(t.Context(), send); err != nil {
					t.Errorf("%s: %v", protocol, err)
				}
			}
			if n := counter(t, p, "worker_deaths_total"); n != 0 {
				t.Errorf("%d workers died", n)
			}
		})
	}
}

// poolSize is the size of the model pool's kernel.
const poolSize = 512

// pool is a model that makes an image of x times x pixels, pools it, in one kernel of the
// runtime, which it does not interrupt, and outputs x. It takes the longer the more x is
// above poolSize, and hardly any memory.
func pool() onnxtest.Graph {
	return onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Concat", Inputs: []string{"ones", "x", "x"}, Outputs: []string{"shape"}, Ints: map[string]int64{"axis": 0}},
			{Op: "ConstantOfShape", Inputs: []string{"shape"}, Outputs: []string{"image"}},
			{Op: "MaxPool", Inputs: []string{"image"}, Outputs: []string{"pooled"}, IntLists: map[string][]int64{"kernel_shape": {poolSize, poolSize}}},
			{Op: "ReduceMax", Inputs: []string{"pooled"}, Outputs: []string{"zero"}, Ints: map[string]int64{"keepdims": 0}},
			{Op: "Cast", Inputs: []string{"zero"}, Outputs: []string{"integer"}, Ints: map[string]int64{"to": onnxtest.Int64}},
			{Op: "Add", Inputs: []string{"x", "integer"}, Outputs: []string{"y"}},
		},
		Initializers: []onnxtest.Initializer{{Name: "ones", Elem: onnxtest.Int64, Dims: []int64{2}, Raw: tensor.AsBytes([]int64{1, 1})}},
		Inputs:       []onnxtest.Value{{Name: "x", Elem: onnxtest.Int64, Dims: []any{1}}},
		Outputs:      []onnxtest.Value{{Name: "y", Elem: onnxtest.Int64, Dims: []any{1}}},
	}
}

// A run that the runtime cannot end is ended with its worker. The runs of others run again.
func TestAStuckRunEndsWithItsWorker(t *testing.T) {
	for _, isolation := range []string{"version", "shared"} {
		t.Run(isolation, func(t *testing.T) {
			dir := t.TempDir()
			check := negatives(t, dir)
			writeModel(t, dir, "pool", pool().Encode(), "instance_group [ { count: 2 } ]\n"+parameter("run_timeout", "2s"))
			p := start(t, "--models", dir, "--log-level", "error", "--isolation", isolation)
			stop := bystanders(t, p.url, func(ctx context.Context, send sender) error {
				code, text, output := send(ctx, "pool", integers(poolSize))
				if code != "" || !slices.Equal(output, tensor.AsBytes([]int64{poolSize})) {
					return fmt.Errorf("a small image: %s %s %v", code, text, output)
				}
				return check(ctx, send)
			})
			defer stop()
			code, text, _ := senders(t, p.url, hostile)["grpc"](t.Context(), "pool", integers(4*poolSize))
			if code != "deadline_exceeded" {
				t.Errorf("%s %s", code, text)
			}
			eventually(t, "its worker is ended", func() bool { return counter(t, p, "worker_kills_total") == 1 })
		})
	}
}

// SIGTERM ends the server during an endless run, within the time for shutdown and with exit
// code 0. The run's client gets an error that says to retry.
func TestStopsWhileAModelRuns(t *testing.T) {
	dir := t.TempDir()
	writeModel(t, dir, "loop", onnxtest.Loop().Encode(), "")
	s := startSeparate(t, "--models", dir, "--isolation", "version", "--shutdown-timeout", "3s")
	go func() { _, _ = io.Copy(io.Discard, s.stderr) }()
	type answer struct{ code, text string }
	answers := make(chan answer, 3)
	for _, send := range senders(t, s.url, hostile) {
		go func() {
			code, text, _ := send(t.Context(), "loop", integers(endless))
			answers <- answer{code, text}
		}()
	}
	running := regexp.MustCompile(`(?m)^tensorwire_executions_running\{model="loop",version="1"\} [1-9]`)
	eventually(t, "the model computes", func() bool { return running.MatchString(metrics(t, &process{url: s.url})) })
	s.end(t)
	for range 3 {
		if a := <-answers; a.code != "unavailable" {
			t.Errorf("%+v", a)
		}
	}
}

// Workers end with a server that is killed, also while a model runs.
func TestWorkersEndWithTheServer(t *testing.T) {
	dir := t.TempDir()
	writeModel(t, dir, "loop", onnxtest.Loop().Encode(), "")
	writeModel(t, dir, "alone", onnxtest.Loop().Encode(), parameter("worker_memory", "1GiB"))
	s := startSeparate(t, "--models", dir, "--isolation", "version")
	go func() { _, _ = io.Copy(io.Discard, s.stderr) }()
	pids := childrenOf(t, s.cmd.Process.Pid)
	if len(pids) != 2 {
		t.Fatalf("the workers are %v", pids)
	}
	go senders(t, s.url, honest)["rest"](t.Context(), "loop", integers(endless))
	isRunning(t, s.url, "loop")
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it was killed
	for _, pid := range pids {
		eventually(t, "a worker ends", func() bool {
			state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			return err != nil || strings.Contains(string(state), ") Z ") // its new parent has not reaped it yet
		})
	}
}

// workerOf returns the worker of a model as ListModels reports it.
func workerOf(t *testing.T, p *process, model string) *modelserving.Worker {
	t.Helper()
	list, err := client(newClient(t, false, nil), p.url).ListModels(t.Context(), &modelserving.ListModelsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.GetModels() {
		if m.GetName() == model {
			return m.GetVersions()[0].GetWorker()
		}
	}
	t.Fatalf("no model %s", model)
	return nil
}

// etagOf returns the ETag of the list of models.
func etagOf(t *testing.T, p *process) string {
	t.Helper()
	res, err := newClient(t, false, nil).Get(p.url + "/modelserving.Predictor/ListModels?connect=v1&encoding=json&message=%7B%7D")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.Header.Get("ETag")
}

// An operator sees which process runs a model, and how the last one died.
func TestWorkersAreReported(t *testing.T) {
	dir := t.TempDir()
	check := negatives(t, dir)
	p := start(t, "--models", dir, "--isolation", "version", "--log-level", "info", "--debug-listen", "127.0.0.1:0")
	first := workerOf(t, p, "m")
	if pids := workers(t); !slices.Contains(pids, int(first.GetPid())) || first.GetRestarts() != 0 || first.GetLastDeath() != "" || first.GetStartTime() == nil {
		t.Errorf("%v, the children are %v", first, pids)
	}
	if !strings.Contains(p.out.String(), fmt.Sprintf("pid=%d", first.GetPid())) {
		t.Error("the log does not have the process ID")
	}
	etag := etagOf(t, p)
	if again := etagOf(t, p); etag == "" || again != etag {
		t.Errorf("without a change, the ETags are %s and %s", etag, again)
	}
	if err := syscall.Kill(int(first.GetPid()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := check(t.Context(), senders(t, p.url, honest)["rest"]); err != nil {
		t.Error(err)
	}
	var second *modelserving.Worker
	eventually(t, "another worker runs", func() bool {
		second = workerOf(t, p, "m")
		return second.GetPid() != 0 && second.GetPid() != first.GetPid()
	})
	if again := etagOf(t, p); again == etag {
		t.Error("another worker does not change the ETag")
	}
	if second.GetRestarts() != 1 || !strings.Contains(second.GetLastDeath(), "SIGKILL") || second.GetLastDeathTime() == nil {
		t.Errorf("after the death: %v", second)
	}
	if second.GetState() != modelserving.WorkerState_WORKER_STATE_RUNNING || second.GetReason() != "" {
		t.Errorf("a worker that runs: %v", second)
	}
	if text := metrics(t, p); !strings.Contains(text, fmt.Sprintf(`tensorwire_model_worker_pid{model="m",version="1"} %d`, second.GetPid())) || !strings.Contains(text, `tensorwire_model_worker_restarts_total{model="m",version="1"} 1`) {
		t.Error("the metrics do not have the process ID and the restart")
	}
	t.Run("debug", func(t *testing.T) { testDebug(t, p, int(second.GetPid())) })
}

var debugAddress = regexp.MustCompile(`profiles are served.* address=(\S+)`)

// testDebug checks the list of workers and the profiles of the server and of one worker.
func testDebug(t *testing.T, p *process, pid int) {
	match := debugAddress.FindStringSubmatch(p.out.String())
	if match == nil {
		t.Fatalf("the log has no address: %s", p.out)
	}
	d := &process{url: "http://" + match[1]}
	status, text := d.ask(t, "/debug/workers", "")
	var list []struct {
		PID         int
		Role, State string
		Models      []string
		MemoryBytes int64 `json:"memory_bytes"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || status != http.StatusOK || len(list) == 0 {
		t.Fatalf("%d %s, %v", status, text, err)
	}
	if w := list[len(list)-1]; w.Role != "serves" || w.PID != pid || w.State != "running" || len(w.Models) != 1 || w.MemoryBytes < 1<<20 {
		t.Errorf("%+v", w)
	}
	for path, want := range map[string]string{
		"/debug/pprof/goroutine?debug=2":                                 "goroutine ",
		fmt.Sprintf("/debug/workers/%d/pprof/goroutine?debug=2", pid):    "worker/child.",
		fmt.Sprintf("/debug/workers/%d/pprof/profile?seconds=1", pid):    "\x1f\x8b", // gzip
		fmt.Sprintf("/debug/workers/%d/pprof/heap", pid):                 "\x1f\x8b",
		fmt.Sprintf("/debug/workers/%d/pprof/heap?debug=1", os.Getpid()): "no worker has this process ID",
		fmt.Sprintf("/debug/workers/%d/pprof/nothing?seconds=1", pid):    "no profile",
	} {
		if _, text := d.ask(t, path, ""); !strings.Contains(text, want) {
			t.Errorf("%s: %.300s", path, text)
		}
	}
	if status, _ := p.ask(t, "/debug/workers", ""); status == http.StatusOK {
		t.Error("the profiles are on the APIs' listener too")
	}
	if strings.Contains(p.out.String(), "reachable from other machines") {
		t.Error("a loopback address was warned of")
	}
}

// An address of profiles that others reach is logged, and one in use ends the start.
func TestProfilesOfOthersAreWarnedOf(t *testing.T) {
	dir := t.TempDir()
	negatives(t, dir)
	p := start(t, "--models", dir, "--isolation", "off", "--log-level", "info", "--debug-listen", "0.0.0.0:0", "--admin-access", "all")
	if !strings.Contains(p.out.String(), "reachable from other machines") {
		t.Errorf("the log is %s", p.out)
	}
	address := debugAddress.FindStringSubmatch(p.out.String())[1]
	if code, _, stderr := command(t.Context(), "serve", "--models", dir, "--isolation", "off", "--listen", "127.0.0.1:0", "--debug-listen", strings.Replace(address, "[::]", "0.0.0.0", 1)); code != exitError || !strings.Contains(stderr, "set another address with --debug-listen") {
		t.Errorf("code %d: %s", code, stderr)
	}
}

// fill is a model that computes with x numbers of four bytes each for a while, and outputs x.
func fill() onnxtest.Graph {
	g := onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "ConstantOfShape", Inputs: []string{"x"}, Outputs: []string{"v0"}}},
		Inputs:  []onnxtest.Value{{Name: "x", Elem: onnxtest.Int64, Dims: []any{1}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Int64, Dims: []any{1}}},
	}
	const additions = 50
	name := func(i int) string { return "v" + strconv.Itoa(i) }
	for i := range additions {
		g.Nodes = append(g.Nodes, onnxtest.Node{Op: "Add", Inputs: []string{name(i), name(i)}, Outputs: []string{name(i + 1)}})
	}
	g.Nodes = append(g.Nodes,
		onnxtest.Node{Op: "ReduceMax", Inputs: []string{name(additions)}, Outputs: []string{"zero"}, Ints: map[string]int64{"keepdims": 0}},
		onnxtest.Node{Op: "Cast", Inputs: []string{"zero"}, Outputs: []string{"integer"}, Ints: map[string]int64{"to": onnxtest.Int64}},
		onnxtest.Node{Op: "Add", Inputs: []string{"x", "integer"}, Outputs: []string{"y"}},
	)
	return g
}

// A run that needs more memory than a worker may use fails alone.
func TestAMemoryLimitFailsItsRunAlone(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		args   []string
	}{
		"setting":   {"", []string{"--isolation", "shared", "--worker-memory", "256MiB"}},
		"parameter": {parameter("worker_memory", "256MiB"), []string{"--isolation", "version"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			check := negatives(t, dir)
			writeModel(t, dir, "fill", fill().Encode(), test.config)
			p := start(t, slices.Concat([]string{"--models", dir, "--log-level", "error"}, test.args)...)
			stop := bystanders(t, p.url, func(ctx context.Context, send sender) error {
				code, text, output := send(ctx, "fill", integers(10))
				if code != "" || !slices.Equal(output, tensor.AsBytes([]int64{10})) {
					return fmt.Errorf("a small run: %s %s %v", code, text, output)
				}
				return check(ctx, send)
			})
			defer stop()
			// 2 GB are refused by the system at once, 400 MB are seen while they are in use.
			for _, n := range []int64{500_000_000, 100_000_000} {
				code, text, _ := senders(t, p.url, hostile)["grpc"](t.Context(), "fill", integers(n))
				if code != "unavailable" || !strings.Contains(text, "out of memory") {
					t.Errorf("%d numbers: %s %s", n, code, text)
				}
			}
		})
	}
}
