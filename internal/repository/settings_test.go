package repository_test

import (
	"regexp"
	"testing"

	"github.com/tensorwire/tensorwire/internal/repository"
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
		}), repository.Options{})
		if got := index(r); got != want {
			t.Errorf("%q gives %s, want %s", policy, got, want)
		}
	}
}

func TestAConfigurationThatDoesNotParseSaysWhere(t *testing.T) {
	r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": "", "cat/config.pbtxt": "name: \"cat\"\nmax_batch_size: many"}), repository.Options{})
	if v := only(t, r, "cat"); v.State != repository.Unavailable || !regexp.MustCompile(`config\.pbtxt.*2:1`).MatchString(v.Reason) {
		t.Errorf("reason %q", v.Reason)
	}
}
