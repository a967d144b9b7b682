package repository_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

func TestVersionPolicy(t *testing.T) {
	for policy, want := range map[string]string{
		"":                             "cat/3 ready",
		"version_policy { all {} }":    "cat/3 ready, cat/2 ready, cat/1 ready",
		"version_policy { latest {} }": "cat/3 ready",
		"version_policy { latest { num_versions: 2 } }":      "cat/3 ready, cat/2 ready",
		"version_policy { specific { versions: [1, 3] } }":   "cat/3 ready, cat/1 ready",
		"version_policy { specific { versions: [2, 4] } }":   "cat/4 unavailable, cat/2 ready",
		"version_policy { specific { versions: [9] } }":      "cat/9 unavailable",
		"default_model_filename: \"net.onnx\"":               "cat/3 unavailable",
		"version_policy { specific { versions: [1] } } name": "cat/3 unavailable, cat/2 unavailable, cat/1 unavailable",
	} {
		r, _ := open(t, write(t, map[string]string{
			"cat/1/model.onnx": "", "cat/2/model.onnx": "", "cat/3/model.onnx": "", "cat/config.pbtxt": policy,
		}), repository.Options[string]{})
		if got := index(r); got != want {
			t.Errorf("%q gives %s, want %s", policy, got, want)
		}
	}
}

func TestAConfigurationThatDoesNotParseSaysWhere(t *testing.T) {
	r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": "", "cat/config.pbtxt": "name: \"cat\"\nmax_batch_size: many"}), repository.Options[string]{})
	if v := only(t, r, "cat"); v.State != repository.Unavailable || !strings.HasPrefix(v.Reason, "config.pbtxt: line 2, column 17: ") {
		t.Errorf("reason %q", v.Reason)
	}
}

func TestAConfigurationThatContradictsTheModelSaysSo(t *testing.T) {
	r, l := open(t, write(t, map[string]string{"cat/1/model.onnx": "", "cat/config.pbtxt": `input { name: "z" data_type: TYPE_FP32 dims: [1, 2] }`}), repository.Options[string]{})
	if v := only(t, r, "cat"); v.State != repository.Unavailable || !strings.Contains(v.Reason, `"z"`) || !strings.Contains(v.Reason, `"x"`) || l.opened() != 0 {
		t.Errorf("state %v, reason %q, %d sessions are open", v.State, v.Reason, l.opened())
	}
}

func TestWarningsAreLoggedOnceForALoad(t *testing.T) {
	var log bytes.Buffer
	open(t, write(t, map[string]string{
		"cat/1/model.onnx": "", "cat/2/model.onnx": "", "cat/config.pbtxt": "version_policy { all {} }\nmodel_metrics {}\nnonsense: 1",
	}), repository.Options[string]{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, field := range []string{"model_metrics", "nonsense"} {
		if n := strings.Count(log.String(), field); n != 1 {
			t.Errorf("the log names %s %d times: %s", field, n, &log)
		}
	}
}

func TestWarmup(t *testing.T) {
	const warmup = `model_warmup { name: "first call" count: 3 inputs { key: "x" value { data_type: TYPE_FP32 dims: [1, 2] input_data_file: "x.bin" } } }`
	dir := write(t, map[string]string{
		"warm/1/model.onnx": "", "warm/config.pbtxt": warmup, "warm/warmup/x.bin": "\x00\x00\x80\x3f\x00\x00\x00\x40",
		"cold/1/model.onnx": "cold", "cold/config.pbtxt": warmup, "cold/warmup/x.bin": "12345678",
		"missing/1/model.onnx": "", "missing/config.pbtxt": warmup,
		"outside/1/model.onnx": "", "outside/config.pbtxt": warmup,
	})
	link(t, dir, "../../../x.bin", "outside/warmup/x.bin")
	r, l := open(t, dir, repository.Options[string]{Control: repository.ControlExplicit})
	must(t, r.LoadModel(t.Context(), "warm", nil))
	if got := l.ran(); len(got) != 3 || got[0] != "[1 2]" {
		t.Errorf("it was run with %q before it served", got)
	}
	for name, says := range map[string]string{
		"cold":    `warmup "first call": out of memory`,
		"missing": "missing/warmup/x.bin",
		"outside": "outside/warmup/x.bin is a symbolic link that leads out",
	} {
		if err := r.LoadModel(t.Context(), name, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l.opened() != 1 {
		t.Errorf("%d sessions are open", l.opened())
	}
	// A version that fails its warmup does not replace the one that serves.
	put(t, dir, "warm/1/model.onnx", "cold")
	if err := r.LoadModel(t.Context(), "warm", nil); err == nil {
		t.Error("it was loaded")
	}
	if v := only(t, r, "warm"); v.State != repository.Ready || !strings.Contains(v.Reason, "first call") || answer(t, r, "warm", "") != "" {
		t.Errorf("state %v, reason %q", v.State, v.Reason)
	}
}

// probed is a session that gets an input which is known to be good.
type probed struct {
	engine.Session
	inputs []tensor.Tensor
}

func (p *probed) SetProbe(inputs []tensor.Tensor) { p.inputs = inputs }

// The first warmup is the input with which a version's health is checked.
func TestAWarmupIsTheProbe(t *testing.T) {
	const warmup = `model_warmup { name: "%s" inputs { key: "x" value { data_type: TYPE_FP32 dims: [1, 2] %s } } }`
	dir := write(t, map[string]string{
		"warm/1/model.onnx": "", "warm/config.pbtxt": fmt.Sprintf(warmup+warmup, "a", `input_data_file: "x.bin"`, "b", "zero_data: true"), "warm/warmup/x.bin": "\x00\x00\x80\x3f\x00\x00\x00\x40",
		"cold/1/model.onnx": "",
	})
	sessions := map[string]*probed{}
	open(t, dir, repository.Options[string]{Decorate: func(s engine.Session, v *repository.Version[string]) engine.Session {
		sessions[v.Model] = &probed{Session: s}
		return sessions[v.Model]
	}})
	if got := sessions["warm"].inputs; len(got) != 1 || !slices.Equal(got[0].Data, tensor.AsBytes([]float32{1, 2})) {
		t.Errorf("the probe is %v", got)
	}
	if got := sessions["cold"].inputs; got != nil {
		t.Errorf("without a warmup the probe is %v", got)
	}
}
