package repository_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// private makes the directory in which overrides are kept the test's own, and returns a
// function that lists it.
func private(t *testing.T) func() []string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return func() []string {
		entries, err := os.ReadDir(dir)
		must(t, err)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
}

func TestOverride(t *testing.T) {
	dir := write(t, map[string]string{"cat/1/model.onnx": "one", "cat/2/model.onnx": "two"})
	kept := private(t)
	r, l := open(t, dir, explicit)
	files := func(content string) *repository.Override {
		return &repository.Override{Config: []byte(`{}`), Files: map[string][]byte{"7/model.onnx": []byte(content), "labels.txt": []byte("a\nb")}}
	}

	must(t, r.LoadModel(t.Context(), "cat", files("seven")))
	expect(t, r, "cat/7 ready")
	if got := answer(t, r, "cat", ""); got != "seven" || len(only(t, r, "cat").Labels) != 2 {
		t.Errorf("it answers %q, with labels %q", got, only(t, r, "cat").Labels)
	}
	if len(kept()) != 1 {
		t.Errorf("the files are kept in %q", kept())
	}
	if info, err := os.Stat(os.TempDir() + "/" + kept()[0]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("their directory: %v %v", info.Mode(), err)
	}

	// A failed load leaves the old version, and no files.
	if err := r.LoadModel(t.Context(), "cat", files("corrupt")); !errors.Is(err, repository.ErrLoad) || strings.Contains(err.Error(), os.TempDir()) {
		t.Errorf("a corrupt file gives %v", err)
	}
	if got := answer(t, r, "cat", ""); got != "seven" || len(kept()) != 1 {
		t.Errorf("it answers %q, the files are kept in %q", got, kept())
	}

	must(t, r.LoadModel(t.Context(), "cat", nil))
	expect(t, r, "cat/2 ready, cat/1 ready")
	if len(kept()) != 0 || l.opened() != 2 {
		t.Errorf("back at the directory %q are kept, %d sessions are open", kept(), l.opened())
	}

	// A configuration alone replaces config.pbtxt, which selects the newest version.
	must(t, r.LoadModel(t.Context(), "cat", &repository.Override{Config: []byte(`{"version_policy": {"specific": {"versions": [1]}}}`)}))
	expect(t, r, "cat/1 ready")
	must(t, r.LoadModel(t.Context(), "cat", &repository.Override{Config: []byte(`{}`)}))
	expect(t, r, "cat/2 ready")

	// A model that the directory does not have.
	must(t, r.LoadModel(t.Context(), "bird", files("tweet")))
	if got := answer(t, r, "bird", "7"); got != "tweet" {
		t.Errorf("it answers %q", got)
	}
	lease, err := r.Acquire("bird", "")
	must(t, err)
	must(t, r.UnloadModel(t.Context(), "bird"))
	if len(kept()) != 1 {
		t.Error("the files of a model in use were removed")
	}
	lease.Release()
	must(t, r.Close())
	if len(kept()) != 0 {
		t.Errorf("after Close %q are kept", kept())
	}
}

func TestOverrideIsConfined(t *testing.T) {
	kept := private(t)
	r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), repository.Options[string]{Control: repository.ControlExplicit, StartupModels: []string{"cat"}})
	for _, name := range []string{
		"../1/model.onnx", "1/../../model.onnx", "1/../model.onnx", "/etc/model.onnx", `1\model.onnx`, "", ".", "..", "1/", "./1/model.onnx",
		"1//model.onnx", "1/model\x00.onnx", strings.Repeat("A", 256),
	} {
		err := r.LoadModel(t.Context(), "cat", &repository.Override{Config: []byte(`{}`), Files: map[string][]byte{name: nil}})
		if !errors.Is(err, repository.ErrOverride) || !errors.Is(err, repository.ErrLoad) || !strings.Contains(err.Error(), "failed to poll from model repository") {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	for what, override := range map[string]*repository.Override{
		"files without config":  {Files: map[string][]byte{"1/model.onnx": nil}},
		"a config that is none": {Config: []byte(`"parameters": {`)},
		"a file as a directory": {Config: []byte(`{}`), Files: map[string][]byte{"1": nil, "1/model.onnx": nil}},
	} {
		if err := r.LoadModel(t.Context(), "cat", override); !errors.Is(err, repository.ErrOverride) || strings.Contains(err.Error(), os.TempDir()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(kept()) != 0 {
		t.Errorf("%q are kept", kept())
	}
	if got := answer(t, r, "cat", ""); got != "one" || only(t, r, "cat").Reason != "" {
		t.Errorf("it answers %q", got)
	}
}
