package repository_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/repository"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loader loads any file whose content is not "corrupt".
type loader struct {
	mu   sync.Mutex
	open int
}

func (l *loader) Load(_ context.Context, path string, _ engine.LoadOptions) (engine.Session, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if string(content) == "corrupt" {
		return nil, fmt.Errorf("%w: %s is corrupt", engine.ErrBadModel, path)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	return &session{loader: l}, nil
}

type session struct {
	engine.Session
	loader *loader
}

func (s *session) Signature() *engine.Signature {
	spec := engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{1, 2}, DimNames: []string{"", ""}}
	return &engine.Signature{Inputs: []engine.TensorSpec{spec}, Outputs: []engine.TensorSpec{spec}}
}

func (s *session) Close() error {
	s.loader.mu.Lock()
	defer s.loader.mu.Unlock()
	s.loader.open--
	return nil
}

// write makes a model repository of files by their paths.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, dir string, options repository.Options) (*repository.Repository, *loader) {
	t.Helper()
	options.Logger = slog.New(slog.DiscardHandler)
	l := &loader{}
	r := repository.New(dir, l, options)
	if err := r.Scan(); err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if l.open != 0 {
			t.Errorf("%d sessions are open after Close", l.open)
		}
	})
	return r, l
}

func TestServesTheNewestVersionThatIsReady(t *testing.T) {
	r, _ := open(t, write(t, map[string]string{
		"cat/1/model.onnx":  "",
		"cat/2/model.onnx":  "",
		"cat/10/model.onnx": "corrupt",
		"cat/notes/x":       "",
		"cat/03/model.onnx": "", // not how versions are written
		"README.md":         "",
		".git/1/model.onnx": "",
	}), repository.Options{})
	snapshot := r.Snapshot()
	if len(snapshot.Models) != 1 || snapshot.DefaultModel != "cat" {
		t.Fatalf("snapshot %+v", snapshot)
	}
	var numbers []int64
	for _, v := range snapshot.Models[0].Versions {
		numbers = append(numbers, v.Number)
	}
	if !slices.Equal(numbers, []int64{10, 2, 1}) {
		t.Errorf("versions %v", numbers)
	}
	for version, want := range map[string]int64{"": 2, "1": 1, "2": 2} {
		lease, err := r.Acquire("", version)
		if err != nil {
			t.Fatal(err)
		}
		if lease.Number != want {
			t.Errorf("version %q gives %d, want %d", version, lease.Number, want)
		}
		lease.Release()
	}
	_, err := r.Acquire("cat", "10")
	if !errors.Is(err, repository.ErrUnavailable) || !strings.Contains(err.Error(), "is corrupt") || strings.Contains(err.Error(), os.TempDir()) {
		t.Errorf("the corrupt version gives %v", err)
	}
}

func TestAcquireSaysWhatIsWrong(t *testing.T) {
	r, _ := open(t, write(t, map[string]string{
		"cat/1/model.onnx": "", "cow/1/model.onnx": "", "dog/1/model.onnx": "corrupt", "empty/readme": "", "nofile/1/other": "",
	}), repository.Options{})
	for _, test := range []struct {
		name, version string
		want          error
		says          string
	}{
		{"", "", repository.ErrName, `"cat", "cow", "dog"`},
		{"bird", "", repository.ErrNotFound, `no model "bird"`},
		{"cat", "7", repository.ErrNotFound, "it has 1"},
		{"cat", "x", repository.ErrName, `model_version "x"`},
		{"cat", "01", repository.ErrName, `model_version "01"`},
		{"cat", "-1", repository.ErrName, "positive"},
		{"cat", "99999999999999999999", repository.ErrName, "positive"},
		{"dog", "", repository.ErrUnavailable, "corrupt"},
		{"empty", "", repository.ErrUnavailable, "empty/1/model.onnx"},
		{"nofile", "", repository.ErrUnavailable, "nofile/1/model.onnx is missing"},
		{"../cat", "", repository.ErrNotFound, "no model"},
	} {
		lease, err := r.Acquire(test.name, test.version)
		if err == nil {
			lease.Release()
		}
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q %q: %v", test.name, test.version, err)
		}
	}
}

func TestTheOneModelThatCouldBeLoadedIsTheDefault(t *testing.T) {
	r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": "", "dog/1/model.onnx": "corrupt"}), repository.Options{})
	lease, err := r.Acquire("", "")
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if lease.Model != "cat" || r.Snapshot().DefaultModel != "cat" {
		t.Errorf("the default is %q", lease.Model)
	}
}

func TestScanRefuses(t *testing.T) {
	dir := write(t, map[string]string{"cat/1/model.onnx": ""})
	missing := repository.New(filepath.Join(dir, "missing"), &loader{}, repository.Options{})
	if err := missing.Scan(); !errors.Is(err, repository.ErrNotFound) || !strings.Contains(err.Error(), "--models") {
		t.Errorf("a missing directory gives %v", err)
	}
	other := repository.New(dir, &loader{}, repository.Options{DefaultModel: "dog"})
	if err := other.Scan(); !errors.Is(err, repository.ErrNotFound) || !strings.Contains(err.Error(), `"dog"`) {
		t.Errorf("a missing default model gives %v", err)
	}
}

func TestModelsAreLoadingUntilTheyAreLoaded(t *testing.T) {
	r := repository.New(write(t, map[string]string{"cat/1/model.onnx": ""}), &loader{}, repository.Options{})
	if err := r.Scan(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Acquire("cat", ""); !errors.Is(err, repository.ErrUnavailable) || !strings.Contains(err.Error(), "loading") {
		t.Errorf("error %v", err)
	}
}

func TestLeaseOutlivesClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &loader{}
		r := repository.New(write(t, map[string]string{"cat/1/model.onnx": ""}), l, repository.Options{})
		if err := errors.Join(r.Scan(), r.Load(t.Context())); err != nil {
			t.Fatal(err)
		}
		lease, err := r.Acquire("cat", "")
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error)
		go func() { closed <- r.Close() }()
		synctest.Wait()
		if l.open != 1 {
			t.Error("the session was closed under a lease")
		}
		if _, err := r.Acquire("cat", ""); !errors.Is(err, repository.ErrNotFound) {
			t.Errorf("a model can be leased after Close: %v", err)
		}
		time.Sleep(time.Minute)
		lease.Release()
		lease.Release() // once is enough, twice is the same
		if err := <-closed; err != nil || l.open != 0 {
			t.Errorf("%v, %d sessions open", err, l.open)
		}
	})
}

func TestReadsLabels(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
		says  string
	}{
		"labels.txt":              {files: map[string]string{"m/labels.txt": "cat\r\n dog \n\n"}, want: []string{"cat", "dog"}},
		"byte order mark":         {files: map[string]string{"m/labels.txt": "\ufeffcat\ndog"}, want: []string{"cat", "dog"}},
		"the version's own":       {files: map[string]string{"m/labels.txt": "a", "m/1/labels.txt": "b"}, want: []string{"b"}},
		"id2label":                {files: map[string]string{"m/config.json": `{"id2label": {"1": "dog", "0": "cat"}}`}, want: []string{"cat", "dog"}},
		"labels.txt before json":  {files: map[string]string{"m/config.json": `{"id2label": {"0": "x"}}`, "m/labels.txt": "y"}, want: []string{"y"}},
		"neither":                 {files: map[string]string{}, want: nil},
		"empty":                   {files: map[string]string{"m/labels.txt": "\n"}, says: "labels.txt: the file has no labels"},
		"not text":                {files: map[string]string{"m/labels.txt": "\xff\xfe"}, says: "UTF-8"},
		"gap":                     {files: map[string]string{"m/config.json": `{"id2label": {"0": "cat", "2": "dog"}}`}, says: "none for 1"},
		"not json":                {files: map[string]string{"m/config.json": `{`}, says: "config.json"},
		"unknown function":        {files: map[string]string{"m/config.json": `{"function_to_apply": "tanh"}`}, says: "function_to_apply"},
		"id2label of other types": {files: map[string]string{"m/config.json": `{"id2label": ["cat"]}`}, says: "id2label"},
	} {
		t.Run(name, func(t *testing.T) {
			test.files["m/1/model.onnx"] = ""
			r, _ := open(t, write(t, test.files), repository.Options{})
			v := r.Snapshot().Models[0].Versions[0]
			if test.says != "" {
				if v.State != repository.Unavailable || !strings.Contains(v.Reason, test.says) {
					t.Errorf("state %v, reason %q", v.State, v.Reason)
				}
				return
			}
			if v.State != repository.Ready || !slices.Equal(v.Labels, test.want) {
				t.Errorf("state %v, reason %q, labels %q", v.State, v.Reason, v.Labels)
			}
		})
	}
}

func TestCompileErrorMakesTheVersionUnavailable(t *testing.T) {
	r, l := open(t, write(t, map[string]string{"m/1/model.onnx": ""}), repository.Options{
		Compile: func(*repository.Version) (any, error) { return nil, errors.New("labels do not fit") },
	})
	if v := r.Snapshot().Models[0].Versions[0]; v.State != repository.Unavailable || v.Reason != "labels do not fit" {
		t.Errorf("state %v, reason %q", v.State, v.Reason)
	}
	if l.open != 0 {
		t.Error("its session is open")
	}
}
