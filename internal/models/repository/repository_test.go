package repository_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

func TestServesTheNewestVersionThatIsReady(t *testing.T) {
	r, _ := open(t, write(t, map[string]string{
		"cat/1/model.onnx":  "",
		"cat/2/model.onnx":  "",
		"cat/10/model.onnx": "corrupt",
		"cat/notes/x":       "",
		"cat/03/model.onnx": "", // not how versions are written
		"README.md":         "",
		".git/1/model.onnx": "",
	}), repository.Options[string]{DefaultVersions: repository.VersionsAll})
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
	}), repository.Options[string]{})
	for _, test := range []struct {
		name, version string
		want          error
		says          string
	}{
		{"", "", repository.ErrName, `"cat", "cow", "dog"`},
		{"bird", "", repository.ErrNotFound, `Request for unknown model: "bird" is not found; the server has "cat"`},
		{"cat", "7", repository.ErrNotFound, `Request for unknown model: "cat" version 7 is not found; it has 1`},
		{"cat", "x", repository.ErrName, `'x': give model_version`},
		{"cat", "01", repository.ErrName, "specified version string '01'"},
		{"cat", "-1", repository.ErrName, "positive"},
		{"cat", "99999999999999999999", repository.ErrName, "positive"},
		{"dog", "", repository.ErrUnavailable, "corrupt"},
		{"empty", "", repository.ErrUnavailable, "empty/1/model.onnx"},
		{"empty", "1", repository.ErrUnavailable, "empty/1/model.onnx"},
		{"nofile", "", repository.ErrUnavailable, "nofile/1/model.onnx is missing"},
		{"../cat", "", repository.ErrNotFound, `Request for unknown model: "../cat"`},
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
	r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": "", "dog/1/model.onnx": "corrupt"}), repository.Options[string]{})
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
	missing := repository.New(filepath.Join(dir, "missing"), enginetest.Registry(&loader{}), repository.Options[string]{})
	if err := missing.Scan(); !errors.Is(err, repository.ErrNotFound) || !strings.Contains(setting.Text(err, setting.Flag), "set --models to another") {
		t.Errorf("a missing directory gives %v", err)
	}
	other := repository.New(dir, enginetest.Registry(&loader{}), repository.Options[string]{DefaultModel: "dog"})
	if err := other.Scan(); !errors.Is(err, repository.ErrNotFound) || !strings.Contains(setting.Text(err, setting.Flag), `--default-model is "dog"`) {
		t.Errorf("a missing default model gives %v", err)
	}
}

func TestModelsAreLoadingUntilTheyAreLoaded(t *testing.T) {
	r := repository.New(write(t, map[string]string{"cat/1/model.onnx": ""}), enginetest.Registry(&loader{}), repository.Options[string]{})
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
		r := repository.New(write(t, map[string]string{"cat/1/model.onnx": ""}), enginetest.Registry(l), repository.Options[string]{Logger: quiet})
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
		if l.opened() != 1 {
			t.Error("the session was closed under a lease")
		}
		if _, err := r.Acquire("cat", ""); !errors.Is(err, repository.ErrUnavailable) {
			t.Errorf("a model can be leased after Close: %v", err)
		}
		time.Sleep(time.Minute)
		lease.Release()
		lease.Release() // once is enough, twice is the same
		if err := <-closed; err != nil || l.opened() != 0 {
			t.Errorf("%v, %d sessions open", err, l.opened())
		}
	})
}
