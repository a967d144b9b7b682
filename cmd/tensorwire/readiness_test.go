package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// ask returns the status and the body of a GET, or of a POST of JSON where there is a body.
func (p *process) ask(t *testing.T, path, body string) (int, string) {
	t.Helper()
	client := newClient(t, false, nil)
	var res *http.Response
	var err error
	if body == "" {
		res, err = client.Get(p.url + path)
	} else {
		res, err = client.Post(p.url+path, "application/json", strings.NewReader(body))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// A model that cannot be loaded makes the server not ready in the sense of the protocol, and
// takes it out of service only under the strict rule, or where no model is left.
func TestReadinessWithABrokenModel(t *testing.T) {
	repo := func(t *testing.T, models ...string) string {
		t.Helper()
		dir := t.TempDir()
		for _, name := range models {
			file := filepath.Join(dir, name, "1", "model.onnx")
			onnxtest.Unary("Identity", onnxtest.Float32, "batch", 3).Write(t, file)
			if name == "broken" {
				if err := os.WriteFile(file, []byte("no model"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		return dir
	}
	const check = "/grpc.health.v1.Health/Check"
	for name, test := range map[string]struct {
		models        []string
		args          []string
		readyz        int
		readyzText    string
		protocol      int
		server, model string // the health of the server, and of the model "good"
	}{
		"one of two": {
			models: []string{"good", "broken"}, readyz: 200, readyzText: "ok\n", protocol: 503, server: "SERVING", model: "SERVING",
		},
		"strict": {
			models: []string{"good", "broken"}, args: []string{"--readiness", "strict"},
			readyz: 503, readyzText: "not ready: 1 of 2 models are not ready\n", protocol: 503, server: "NOT_SERVING", model: "SERVING",
		},
		"all": {models: []string{"good"}, args: []string{"--readiness", "strict"}, readyz: 200, readyzText: "ok\n", protocol: 200, server: "SERVING", model: "SERVING"},
		"none": {
			models: []string{"broken"}, readyz: 503, readyzText: "not ready: none of 1 models is loaded\n", protocol: 503, server: "NOT_SERVING",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, append([]string{"--models", repo(t, test.models...), "--log-level", "error"}, test.args...)...)
			if status, text := p.ask(t, "/readyz", ""); status != test.readyz || text != test.readyzText {
				t.Errorf("/readyz: %d %s", status, text)
			}
			if status, text := p.ask(t, "/v2/health/ready", ""); status != test.protocol {
				t.Errorf("/v2/health/ready: %d %s", status, text)
			}
			if _, text := p.ask(t, "/inference.GRPCInferenceService/ServerReady", "{}"); strings.Contains(text, "true") != (test.protocol == 200) {
				t.Errorf("ServerReady: %s", text)
			}
			for service, want := range map[string]string{"": test.server, "inference.GRPCInferenceService": test.server, "good": test.model, "good/1": test.model} {
				status, text := p.ask(t, check, `{"service":"`+service+`"}`)
				if want == "" && status != http.StatusNotFound || want != "" && !strings.Contains(text, `"`+want+`"`) {
					t.Errorf("health of %q: %d %s, want %q", service, status, text, want)
				}
			}
		})
	}
}

// The health of a model follows its directory.
func TestHealthOfAModelFollowsItsLoads(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--models", dir, "--model-control", "explicit")
	health := func() string {
		_, text := p.ask(t, "/grpc.health.v1.Health/Check", `{"service":"m"}`)
		return text
	}
	wait := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !strings.Contains(health(), want); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the health is %s, want %s", health(), want)
			}
		}
	}
	wait("not_found")
	onnxtest.Unary("Identity", onnxtest.Float32, "batch", 3).Write(t, filepath.Join(dir, "m", "1", "model.onnx"))
	wait(`"NOT_SERVING"`)
	if status, text := p.ask(t, "/v2/repository/models/m/load", "{}"); status != http.StatusOK {
		t.Fatalf("load: %d %s", status, text)
	}
	wait(`"SERVING"`)
	if status, text := p.ask(t, "/v2/repository/models/m/unload", "{}"); status != http.StatusOK {
		t.Fatalf("unload: %d %s", status, text)
	}
	wait(`"NOT_SERVING"`)
}
