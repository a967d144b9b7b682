package main

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// harmless returns inputs of a crasher's model that it computes.
func harmless(c onnxtest.Crasher) []tensor.Tensor {
	inputs := slices.Clone(c.Inputs)
	for i := range inputs {
		in := &inputs[i]
		in.Shape = slices.Clone(in.Shape)
		bytes := int64(in.DataType.Size())
		for axis, d := range in.Shape {
			in.Shape[axis] = max(d, 1)
			bytes *= in.Shape[axis]
		}
		in.Data = make([]byte, bytes)
		if i == 1 && strings.Contains(c.Name, "by -1") {
			in.Data[0] = 2
		}
	}
	return inputs
}

// Every known crashing model, over every protocol, gets a result or a documented error, while
// clients of another model and other clients of the same model get theirs. The request is not
// run again then. So it is with a worker for each model, with a pool of all, and with one worker.
func TestCrashingRequestsAffectNobodyElse(t *testing.T) {
	all := inOrder(senders(t, "", hostile))
	for name, test := range map[string]struct {
		isolation, config string
		protocols         []string
	}{
		"own workers": {"version", parameter("worker_memory", "4GiB"), all},
		"a pool":      {"version", "", all[:1]},
		"shared":      {"shared", "", all},
	} {
		t.Run(name, func(t *testing.T) { testCrashers(t, test.isolation, test.config, test.protocols) })
	}
}

func testCrashers(t *testing.T, isolation, config string, protocols []string) {
	dir := t.TempDir()
	check := negatives(t, dir)
	for _, c := range onnxtest.Crashers() {
		limit := ""
		if c.Endless {
			limit = parameter("run_timeout", "2s")
		}
		writeModel(t, dir, directoryOf(c), c.Model, config+limit)
	}
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			p := start(t, "--models", dir, "--log-level", "error", "--isolation", isolation)
			stop := bystanders(t, p.url, check)
			defer stop()
			bad, good := senders(t, p.url, hostile)[protocol], senders(t, p.url, honest)[protocol]
			died := 0
			for _, c := range onnxtest.Crashers() {
				if c.AtLoad {
					checkListed(t, p, c)
				} else if requestCrashes(t, p, c, bad, good) {
					died++
				}
			}
			if died == 0 && runtime.GOARCH == "amd64" {
				t.Error("no request has ended its worker: the test tests nothing")
			}
		})
	}
}

// checkListed checks that a model whose load crashes is unavailable with a reason, or serves.
func checkListed(t *testing.T, p *process, c onnxtest.Crasher) {
	t.Helper()
	status, body := p.ask(t, "/v2/models/"+directoryOf(c)+"/ready", "")
	t.Logf("%s: %d %.100s", c.Name, status, body)
	if status != http.StatusOK && !strings.Contains(body, "reason") && !strings.Contains(body, "error") {
		t.Errorf("%s: %d %s", c.Name, status, body)
	}
}

// requestCrashes sends a crasher's request, and reports whether a worker died of it. Then an equal
// request is refused.
func requestCrashes(t *testing.T, p *process, c onnxtest.Crasher, bad, good sender) bool {
	t.Helper()
	allowed := []string{"", "invalid_argument", "internal", "unavailable", "unimplemented"}
	if c.Endless {
		allowed = []string{"deadline_exceeded"}
	}
	model := directoryOf(c)
	code, text, _ := bad(t.Context(), model, c.Inputs...)
	if !slices.Contains(allowed, code) {
		t.Errorf("%s: %s %s", c.Name, code, text)
	}
	t.Logf("%s: %s %.100s", c.Name, code, text)
	crashed := strings.Contains(text, "the process of the model died")
	if code, text, _ := good(t.Context(), model, harmless(c)...); code != "" {
		t.Errorf("%s: other inputs get %s %s", c.Name, code, text)
	}
	if !crashed {
		return false
	}
	before := counter(t, p, "worker_requests_blamed_total")
	code, text, _ = good(t.Context(), model, c.Inputs...)
	if code != "internal" || !strings.Contains(text, "an equal request") {
		t.Errorf("%s: an equal request gets %s %s", c.Name, code, text)
	}
	if after := counter(t, p, "worker_requests_blamed_total"); after != before {
		t.Errorf("%s: the equal request was run", c.Name)
	}
	return true
}

// directoryOf returns the name of a crasher as a model.
func directoryOf(c onnxtest.Crasher) string {
	name, _, _ := strings.Cut(c.Name, ",")
	if strings.Contains(c.Name, "INT32") {
		name += " 32"
	}
	return strings.ReplaceAll(name, " ", "-")
}
