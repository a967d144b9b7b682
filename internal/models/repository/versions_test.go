package repository_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

func TestWithoutConfigurationTheNewestVersionServes(t *testing.T) {
	files := map[string]string{
		"cat/1/model.onnx": "one", "cat/2/model.onnx": "two", "cat/10/model.onnx": "ten", "dog/1/model.onnx": "bark",
		"emu/1/model.onnx": "a", "emu/2/model.onnx": "b", "emu/config.pbtxt": "max_batch_size: 0",
		"fox/1/model.onnx": "a", "fox/2/model.onnx": "b", "fox/config.pbtxt": "version_policy { all { } }",
	}
	var log bytes.Buffer
	r, _ := open(t, write(t, files), repository.Options[string]{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	expect(t, r, "cat/10 ready, dog/1 ready, emu/2 ready, fox/2 ready, fox/1 ready")
	if want := `msg="earlier versions of models without config.pbtxt are not served (default-versions)" versions="[cat: 2, 1]"`; strings.Count(log.String(), want) != 1 {
		t.Errorf("the log is\n%swant %s", &log, want)
	}
	for _, test := range []struct{ model, version, want string }{
		{"cat", "2", "without config.pbtxt only the newest version is served (default-versions): set it to all, or add a version_policy"},
		{"emu", "1", "version_policy in config.pbtxt does not select it"},
		{"cat", "3", `version 3 is not found; it has 10`},
	} {
		_, err := r.Acquire(test.model, test.version)
		if !errors.Is(err, repository.ErrNotFound) || !strings.HasPrefix(err.Error(), "Request for unknown model: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v", test.model, test.version, err)
		}
	}

	all, _ := open(t, write(t, files), repository.Options[string]{DefaultVersions: repository.VersionsAll})
	expect(t, all, "cat/10 ready, cat/2 ready, cat/1 ready, dog/1 ready, emu/2 ready, fox/2 ready, fox/1 ready")
}

// A new version replaces the earlier one, which is then skipped, and serves again when the
// new one is removed.
func TestTheNewestVersionIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"cat/1/model.onnx": "one"})
		r, _ := open(t, dir, repository.Options[string]{Control: repository.ControlPoll})
		go r.Poll(t.Context())
		put(t, dir, "cat/2/model.onnx", "corrupt")
		time.Sleep(settle)
		expect(t, r, "cat/2 unavailable, cat/1 ready") // kept until a replacement serves
		put(t, dir, "cat/2/model.onnx", "two")
		time.Sleep(settle)
		expect(t, r, "cat/2 ready")
		if _, err := r.Acquire("cat", "1"); err == nil || !strings.Contains(err.Error(), "default-versions") {
			t.Errorf("version 1: %v", err)
		}
		drop(t, dir, "cat/2")
		time.Sleep(settle)
		expect(t, r, "cat/1 ready")
		if _, err := r.Acquire("cat", "2"); err == nil || strings.Contains(err.Error(), "default-versions") {
			t.Errorf("version 2, which was removed: %v", err)
		}
		put(t, dir, "cat/2/model.onnx", "two")
		put(t, dir, "cat/config.pbtxt", "version_policy { all { } }")
		time.Sleep(settle)
		expect(t, r, "cat/2 ready, cat/1 ready")
	})
}

func TestTheLineAboutSkippedVersionsIsBounded(t *testing.T) {
	files := make(map[string]string)
	for model := range 25 {
		for version := range 15 {
			files[fmt.Sprintf("m%02d/%d/model.onnx", model, version+1)] = ""
		}
	}
	var log bytes.Buffer
	r, _ := open(t, write(t, files), repository.Options[string]{Logger: slog.New(slog.NewTextHandler(&log, nil)), Control: repository.ControlExplicit, StartupModels: []string{"*"}})
	line, _, _ := strings.Cut(log.String(), "\n")
	if !strings.Contains(line, "m00: 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4 more m01: 14") || !strings.HasSuffix(line, `and 5 more models]"`) || len(r.Snapshot().Models) != 25 {
		t.Errorf("the line is %s", line)
	}
}

func TestChoicesHaveNames(t *testing.T) {
	var versions repository.Versions
	if err := versions.UnmarshalText([]byte("all")); err != nil || versions != repository.VersionsAll || versions.String() != "all" {
		t.Errorf("%v, %v", versions, err)
	}
	if err := versions.UnmarshalText([]byte("newest")); err == nil || err.Error() != "give latest or all" {
		t.Error(err)
	}
	var links repository.Links
	if err := links.UnmarshalText([]byte("all")); err != nil || links != repository.LinksAll || links.String() != "all" {
		t.Errorf("%v, %v", links, err)
	}
	if err := links.UnmarshalText([]byte("")); err == nil || err.Error() != "give inside or all" {
		t.Error(err)
	}
	var control repository.Control
	if err := control.UnmarshalText([]byte("x")); err == nil || err.Error() != "give none, poll or explicit" {
		t.Error(err)
	}
}
