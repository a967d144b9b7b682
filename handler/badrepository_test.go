//go:build unix

package handler_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// anyLoader loads the same model from every file.
type anyLoader struct{}

func (anyLoader) Load(context.Context, string, engine.LoadOptions) (engine.Session, error) {
	return infertest.Echo(tensor.FP32, -1, 2), nil
}

// both is a service over RPC and over REST.
type both struct {
	inferenceconnect.GRPCInferenceServiceClient
	rest http.Handler
	dir  string
}

// serveDirectory serves the models of a directory, which a test writes, over both.
func serveDirectory(t *testing.T, dir string) *both {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := repository.New(dir, enginetest.Registry(anyLoader{}), infer.RepositoryOptions{Logger: log, Compile: infer.Compile, Control: repository.ControlExplicit, StartupModels: []string{"*"}})
	if err := r.Scan(); err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	apis := handlertest.New(r, handlertest.Options{})
	return &both{handlertest.Client(apis.OIP), apis.REST, dir}
}

const goodRequest = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`

// call makes an RPC by its name and the same call of REST, and returns the answer of
// each, checked for what it must not reveal.
func (s *both) call(t *testing.T, rpc, model, version string) (rest handlertest.Answer, rpcErr error) {
	t.Helper()
	path, method, body, suffix := "/v2/models/"+segment(model), http.MethodGet, "", ""
	if version != "" {
		path += "/versions/" + segment(version)
	}
	switch rpc {
	case "infer":
		in := handlertest.Input("x", "FP32", 1, 2)
		_, rpcErr = s.ModelInfer(t.Context(), &inference.ModelInferRequest{ModelName: model, ModelVersion: version, Inputs: []*inference.ModelInferRequest_InferInputTensor{in}, RawInputContents: [][]byte{make([]byte, 8)}})
		method, body, suffix = http.MethodPost, goodRequest, "/infer"
	case "metadata":
		_, rpcErr = s.ModelMetadata(t.Context(), &inference.ModelMetadataRequest{Name: model, Version: version})
	case "config":
		_, rpcErr = s.ModelConfig(t.Context(), &inference.ModelConfigRequest{Name: model, Version: version})
		suffix = "/config"
	case "stats":
		_, rpcErr = s.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Name: model, Version: version})
		suffix = "/stats"
	case "ready":
		_, rpcErr = s.ModelReady(t.Context(), &inference.ModelReadyRequest{Name: model, Version: version})
		suffix = "/ready"
	case "load":
		_, rpcErr = s.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{ModelName: model})
		method, path = http.MethodPost, "/v2/repository/models/"+segment(model)+"/load"
	case "unload":
		_, rpcErr = s.RepositoryModelUnload(t.Context(), &inference.RepositoryModelUnloadRequest{ModelName: model})
		method, path = http.MethodPost, "/v2/repository/models/"+segment(model)+"/unload"
	}
	rest = handlertest.Send(t, s.rest, method, path+suffix, []byte(body))
	if rpcErr != nil && strings.Contains(rpcErr.Error(), s.dir) || strings.Contains(string(rest.Body), s.dir) {
		t.Errorf("%s of %q: the answer reveals a path of the server: %v, %s", rpc, model, rpcErr, rest.Body)
	}
	return rest, rpcErr
}

// segment returns a name as one segment of a path, also where it has only dots.
func segment(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
}

// fails makes a call over both, which must answer code and its status, and say each
// of parts.
func (s *both) fails(t *testing.T, rpc, model, version string, code connect.Code, parts ...string) {
	t.Helper()
	rest, err := s.call(t, rpc, model, version)
	handlertest.WantError(t, err, code, parts...)
	status := map[connect.Code]int{connect.CodeInvalidArgument: 400, connect.CodeNotFound: 404, connect.CodeUnavailable: 503}[code]
	text := rest.Failure(t)
	for _, part := range parts {
		if rest.Status != status || !strings.Contains(text, part) {
			t.Errorf("%s of %q, version %q: %d %s, want %d and %q", rpc, model, version, rest.Status, text, status, part)
		}
	}
}

// writeModels writes files into a new directory and returns it. A model file may be empty:
// anyLoader does not read it.
func writeModels(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNamesThatAreNoModelsOverBoth(t *testing.T) {
	s := serveDirectory(t, writeModels(t, map[string]string{"models/1/model.onnx": "", "m/1/model.onnx": "", ".hidden/1/model.onnx": ""}))
	for _, name := range []string{"../m", "../../etc/passwd", "/etc/passwd", "..", ".", "m/1", "m/../m", `..\m`, ".hidden", "m\x00", "nobody", "M"} {
		for _, rpc := range []string{"infer", "metadata", "config", "stats"} {
			s.fails(t, rpc, name, "", connect.CodeNotFound, "Request for unknown model")
		}
		// Over RPC a model that is not there is not ready, which is no error.
		if rest, err := s.call(t, "ready", name, ""); err != nil || rest.Status != http.StatusNotFound {
			t.Errorf("ready of %q: %v, %d %s", name, err, rest.Status, rest.Body)
		}
		if name == "nobody" || name == "M" {
			s.fails(t, "load", name, "", connect.CodeNotFound, "failed to load", name)
			s.fails(t, "unload", name, "", connect.CodeNotFound, "Request for unknown model", name)
			continue
		}
		s.fails(t, "load", name, "", connect.CodeInvalidArgument, "model_name")
		s.fails(t, "unload", name, "", connect.CodeInvalidArgument, "model_name")
	}
}

func TestVersionsThatAreNoNumbersOverBoth(t *testing.T) {
	s := serveDirectory(t, writeModels(t, map[string]string{"m/1/model.onnx": "", "m/one/model.onnx": ""}))
	for _, rpc := range []string{"infer", "metadata", "config", "stats", "ready"} {
		for _, version := range []string{"one", "-1", "0", "01", "+1", "1.0", "0x1", "1e0", " 1", "../1", "1/..", "..", "99999999999999999999", "wrong_specification"} {
			s.fails(t, rpc, "m", version, connect.CodeInvalidArgument, "failed to get model version from specified version string '"+version+"'")
		}
		if rpc != "ready" {
			s.fails(t, rpc, "m", "2", connect.CodeNotFound, "Request for unknown model", `"m"`, "2")
		}
		if rest, err := s.call(t, rpc, "m", "1"); err != nil || rest.Status != http.StatusOK {
			t.Errorf("%s: %v, %d %s", rpc, err, rest.Status, rest.Body)
		}
	}
}

// TestModelsThatCannotBeLoadedOverBoth wants the reason in the index, in a load and in
// a request.
func TestModelsThatCannotBeLoadedOverBoth(t *testing.T) {
	outside := writeModels(t, map[string]string{"1/model.onnx": "", "secret": "a secret"})
	dir := writeModels(t, map[string]string{
		"malformed/config.pbtxt": "name: \"malformed\"\nmax_batch_size: many", "malformed/1/model.onnx": "",
		"unclosed/config.pbtxt": "input [\n  { name: \"x\"", "unclosed/1/model.onnx": "",
		"contrary/config.pbtxt": `input { name: "z" data_type: TYPE_FP32 dims: [-1, 2] }`, "contrary/1/model.onnx": "",
		"mistyped/config.pbtxt": `input { name: "x" data_type: TYPE_INT8 dims: [-1, 2] }`, "mistyped/1/model.onnx": "",
		"escapes/config.pbtxt": `default_model_filename: "../../secret"`, "escapes/1/model.onnx": "",
		"labels/config.pbtxt": `output { name: "y" data_type: TYPE_FP32 dims: [-1, 2] label_filename: "../secret" }`, "labels/1/model.onnx": "",
		"file/1/readme": "", "side/1/model.onnx": "", "config/1/model.onnx": "", "empty/readme": "", "m/1/model.onnx": "",
	})
	for path, to := range map[string]string{
		"model": outside, "file/1/model.onnx": filepath.Join(outside, "secret"), "side/labels.txt": filepath.Join(outside, "secret"), "config/config.pbtxt": "/etc/passwd",
	} {
		if err := os.Symlink(to, filepath.Join(dir, path)); err != nil {
			t.Fatal(err)
		}
	}
	s := serveDirectory(t, dir)
	overRPC, err := s.RepositoryIndex(t.Context(), &inference.RepositoryIndexRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var overREST []struct{ Name, State, Reason string }
	if err := json.Unmarshal(handlertest.Send(t, s.rest, http.MethodPost, "/v2/repository/index", nil).Body, &overREST); err != nil || len(overREST) != len(overRPC.GetModels()) {
		t.Fatalf("%v: %v, %v", err, overREST, overRPC)
	}
	for name, want := range map[string][]string{
		"malformed": {"config.pbtxt: line 2, column 17: ", "max_batch_size"},
		"unclosed":  {"config.pbtxt: line 2, column "},
		"contrary":  {"config.pbtxt: ", `"z"`, `"x"`},
		"mistyped":  {"config.pbtxt: ", `"x"`, "INT8", "FP32"},
		"escapes":   {"config.pbtxt: default_model_filename is ", "../../secret"},
		"labels":    {"config.pbtxt: ", "label_filename", "../secret"},
		"model":     {"model is a symbolic link that leads out of the models directory"},
		"file":      {"file/1/model.onnx is a symbolic link that leads out"},
		"side":      {"side/labels.txt is a symbolic link that leads out"},
		"config":    {"config/config.pbtxt is a symbolic link that leads out"},
		"empty":     {"no version", "empty/1/model.onnx"},
	} {
		for i, m := range overRPC.GetModels() {
			if rest := overREST[i]; m.GetName() != rest.Name || m.GetState() != rest.State || m.GetReason() != rest.Reason {
				t.Errorf("the index has %v over RPC and %v over REST", m, rest)
			}
			if m.GetName() != name {
				continue
			}
			for _, part := range want {
				if m.GetState() == "READY" || !strings.Contains(m.GetReason(), part) || strings.Contains(m.GetReason(), outside) {
					t.Errorf("%s is %s, and its reason does not say %q: %s", name, m.GetState(), part, m.GetReason())
				}
			}
		}
		s.fails(t, "load", name, "", connect.CodeInvalidArgument, append(want, "failed to load '"+name+"'")...)
		s.fails(t, "infer", name, "", connect.CodeUnavailable, append(want[:1:1], `"`+name+`"`)...)
	}
	if rest, err := s.call(t, "infer", "m", ""); err != nil || rest.Status != http.StatusOK {
		t.Errorf("the good model: %v, %d %s", err, rest.Status, rest.Body)
	}
}
