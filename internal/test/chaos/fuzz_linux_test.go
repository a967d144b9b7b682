package chaos_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// runsVariable is the environment variable with the number of runs of TestCrashFuzz.
const runsVariable = "TENSORWIRE_CRASH_FUZZ"

// TestCrashFuzz runs random models on random valid inputs, and the known crashers, while
// others use healthy models. The server's process must survive, and the others must get
// their answers.
func TestCrashFuzz(t *testing.T) {
	text := os.Getenv(runsVariable)
	if text == "" {
		t.Skip("takes minutes: run make crash-fuzz")
	}
	runs, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", runsVariable, err)
	}
	seed := seed(t)
	dir := t.TempDir()
	healthy := []model{increment(), negate(), double(), echo()}
	for _, m := range healthy {
		if err := m.write(dir, 1); err != nil {
			t.Fatal(err)
		}
	}
	z := newFuzzer(t, rand.New(rand.NewPCG(seed, 0)), dir)
	s := start(t, dir, false, "--isolation", "version", "--poll-interval", "1h", "--worker-memory", "512MiB", "--memory-budget", "512MiB")
	if err := s.waitReady(names(healthy)...); err != nil {
		t.Fatal(err)
	}
	z.keepLoaded(t, s)

	peers := newClients("127.0.0.1")
	defer peers.close()
	traffic := &traffic{models: healthy, roads: peers.roads(s.address), callers: 1, seed: seed, tally: &tally{roads: map[string]count{}}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var others sync.WaitGroup
	others.Go(func() { traffic.run(ctx) })
	z.run(t.Context(), s, seed, runs)
	cancel()
	others.Wait()
	if err := s.alive(); err != nil {
		t.Error(err)
	}
	z.report(t, seed, traffic.tally)
}

// fuzzer runs random requests. It is safe for concurrent use.
type fuzzer struct {
	asks     []func(r *rand.Rand) request
	names    []string
	rejected int // models that cannot be loaded

	mu       sync.Mutex
	outcomes map[string]int
	crashes  map[string]int // by model
	failures []string
}

// variants is the number of random models of each operator.
const variants = 2

// newFuzzer writes the models.
func newFuzzer(t *testing.T, r *rand.Rand, dir string) *fuzzer {
	z := &fuzzer{outcomes: map[string]int{}, crashes: map[string]int{}}
	add := func(m model, ask func(r *rand.Rand) request) {
		m.config = "parameters { key: \"run_timeout\" value { string_value: \"2s\" } }\n"
		if err := m.write(dir, 1); err != nil {
			t.Fatal(err)
		}
		z.asks, z.names = append(z.asks, ask), append(z.names, m.name)
	}
	for _, o := range operators {
		for i := range variants {
			v := o.variant(r, fmt.Sprintf("%s_%d", o.op, i))
			add(model{name: v.name, onnx: v.graph.Encode()}, v.ask)
		}
	}
	for i, crasher := range runCrashers() {
		operator, _, _ := strings.Cut(crasher.Name, " ")
		q := crashRequest(fmt.Sprintf("known_%s_%d", operator, i), crasher)
		add(model{name: q.model, onnx: crasher.Model}, func(r *rand.Rand) request { return vary(r, q) })
	}
	for i, crasher := range atLoad() {
		add(model{name: fmt.Sprintf("load_crasher%d", i), onnx: crasher.Model}, nil)
	}
	return z
}

// vary returns a harmless request for the model of a crashing one, so that the model is known
// to be healthy, or the crashing one. That one has vectors of random length: equal requests
// are quarantined.
func vary(r *rand.Rand, q request) request {
	harmless, n := r.IntN(2) == 0, 1+r.IntN(1000)
	varied := request{model: q.model}
	for _, in := range q.inputs {
		shape := slices.Clone(in.shape)
		for axis := range shape {
			if harmless {
				shape[axis] = max(1, shape[axis])
			}
		}
		switch {
		case harmless:
			in = ones(in, shape)
		case len(q.inputs) == 2 && len(shape) == 1:
			in.shape, in.raw = []int64{int64(n)}, bytes.Repeat(in.raw, n)
		}
		varied.inputs = append(varied.inputs, in)
	}
	return varied
}

// ones returns a value like another one with this shape, whose elements are 1.
func ones(v value, shape []int64) value {
	switch v.datatype {
	case "INT64":
		return numbers(v.name, v.datatype, shape, func(int) int64 { return 1 })
	case "INT32":
		return numbers(v.name, v.datatype, shape, func(int) int32 { return 1 })
	default:
		return numbers(v.name, v.datatype, shape, func(int) float32 { return 1 })
	}
}

// keepLoaded keeps the models that the server could load.
func (z *fuzzer) keepLoaded(t *testing.T, s *server) {
	if err := poll(settleTime, func() error {
		if status, body, err := s.get("/readyz"); err != nil || status != http.StatusOK {
			return fmt.Errorf("status %d, %s, %w", status, body, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var asks []func(r *rand.Rand) request
	var loaded []string
	for i, name := range z.names {
		status, _, err := s.get("/v2/models/" + name + "/ready")
		if err != nil {
			t.Fatal(err)
		}
		if status == http.StatusOK && z.asks[i] != nil {
			asks, loaded = append(asks, z.asks[i]), append(loaded, name)
		} else {
			z.rejected++
		}
	}
	z.asks, z.names = asks, loaded
}

// run sends the requests, a few at once.
func (z *fuzzer) run(ctx context.Context, s *server, seed uint64, runs int) {
	var left atomic.Int64
	left.Store(int64(runs))
	var callers sync.WaitGroup
	for i := range 6 {
		r := rand.New(rand.NewPCG(seed, uint64(i+1)))
		callers.Go(func() {
			for left.Add(-1) >= 0 {
				z.once(ctx, s, r)
			}
		})
	}
	callers.Wait()
}

// once sends a request from an address that has sent few others, because a client that ends
// workers is refused.
func (z *fuzzer) once(ctx context.Context, s *server, r *rand.Rand) {
	i := r.IntN(len(z.asks))
	h := httpClient(fmt.Sprintf("127.%d.%d.%d", 1+r.IntN(250), r.IntN(256), 2+r.IntN(250)), true)
	defer h.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err := overRPC(h, "http://"+s.address, false, connecthttp.WithGRPC())(ctx, z.asks[i](r))
	outcome := outcomeOf(err)
	if ctx.Err() != nil {
		outcome = noAnswer
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.outcomes[outcome]++
	if outcome == crashed {
		z.crashes[z.names[i]]++
	}
	if outcome == noAnswer && len(z.failures) < maxViolations {
		z.failures = append(z.failures, fmt.Sprintf("model %s: %v", z.names[i], err))
	}
}

// Outcomes that are not codes.
const (
	crashed     = "internal: the worker crashed"
	quarantined = "internal: quarantined"
	noAnswer    = "no answer"
)

// outcomeOf returns what became of a request. Its answer may be anything.
func outcomeOf(err error) string {
	if _, other := errors.AsType[*wrongError](err); err == nil || other {
		return "ok"
	}
	rpc, ok := errors.AsType[*connect.Error](err)
	switch {
	case !ok || rpc.Code() == connect.CodeUnknown || rpc.Code() == connect.CodeCanceled:
		return noAnswer
	case strings.Contains(rpc.Message(), "equal request"):
		return quarantined
	case rpc.Code() == connect.CodeInternal && strings.Contains(rpc.Message(), engine.ErrCrashed.Error()):
		return crashed
	case rpc.Code() == connect.CodeUnavailable && retryable(err):
		return "unavailable, with a time to retry"
	}
	return rpc.Code().String()
}

// report prints the counts and fails the test on a violation.
func (z *fuzzer) report(t *testing.T, seed uint64, others *tally) {
	var text strings.Builder
	fmt.Fprintf(&text, "seed %d, %d models, %d more cannot be loaded\n", seed, len(z.names), z.rejected)
	for _, outcome := range slices.Sorted(maps.Keys(z.outcomes)) {
		fmt.Fprintf(&text, "%-40s %d\n", outcome, z.outcomes[outcome])
	}
	fmt.Fprintf(&text, "crashes by model: %v\n", z.crashes)
	sum := others.sum()
	fmt.Fprintf(&text, "healthy models: %d right, %d retryable, %d wrong, %d failed, slowest %v", sum.right, sum.retryable, sum.wrong, sum.failed, sum.slowest.Round(time.Millisecond))
	t.Logf("\n%s", text.String())
	for _, violation := range append(others.violations, z.failures...) {
		t.Errorf("violation: %s", violation)
	}
	if sum.wrong+sum.failed > 0 || sum.right == 0 {
		t.Error("healthy models did not answer")
	}
}
