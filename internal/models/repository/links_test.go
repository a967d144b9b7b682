//go:build unix

package repository_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

func TestLinksThatLeadOutAreRefused(t *testing.T) {
	outside := write(t, map[string]string{"1/model.onnx": "secret", "labels.txt": "secret"})
	dir := write(t, map[string]string{
		"file/readme": "", "data/1/model.onnx": "", "labels/1/model.onnx": "", "config/1/model.onnx": "", "version/readme": "", "named/1/model.onnx": "",
		"named/config.pbtxt": `output { name: "y" data_type: TYPE_FP32 dims: [1, 2] label_filename: "names" }`,
		"warm/1/model.onnx":  "", "good/1/model.onnx": "",
	})
	for path, to := range map[string]string{
		"model":               outside,
		"file/1/model.onnx":   filepath.Join(outside, "1/model.onnx"),
		"version/1":           filepath.Join(outside, "1"),
		"data/1/data":         "../../../" + filepath.Base(outside),
		"labels/labels.txt":   filepath.Join(outside, "labels.txt"),
		"config/config.pbtxt": "/etc/passwd",
		"named/names":         "../../../etc/passwd",
	} {
		link(t, dir, to, path)
	}
	r, l := open(t, dir, repository.Options[string]{})
	if got := l.loaded(); strings.Join(got, " ") == "" || strings.Contains(strings.Join(got, " "), "file/1") || strings.Contains(strings.Join(got, " "), "version/1") || strings.Contains(strings.Join(got, " "), "data/1") {
		t.Errorf("loaded %q", got)
	}
	for name, want := range map[string]string{
		"model": "model is", "file": "file/1/model.onnx is", "version": "version/1 is", "data": "data/1/data is",
		"labels": "labels/labels.txt is", "config": "config/config.pbtxt is", "named": "named/names is",
	} {
		reason := ""
		for _, m := range r.Snapshot().Models {
			if m.Name == name {
				reason = m.Reason
				for _, v := range m.Versions {
					reason = v.Reason
				}
				if m.Newest() != nil {
					t.Errorf("%s serves", name)
				}
			}
		}
		if !strings.Contains(reason, want+" a symbolic link that leads out of the models directory") || strings.Contains(reason, outside) {
			t.Errorf("%s: reason %q", name, reason)
		}
	}
	if got := answer(t, r, "good", ""); got != "" {
		t.Errorf("it answers %q", got)
	}
}

// Kubernetes mounts files as links to ..data, a link to the directory of the day, and
// git-sync makes the models directory itself a link.
func TestLinksWithinTheDirectoryAreFollowed(t *testing.T) {
	dir := write(t, map[string]string{
		"real/..1/config.pbtxt": `default_model_filename: "net.onnx"`, "real/..1/labels.txt": "a\nb",
		"real/cat/1/..1/net.onnx": "one", "real/blobs/x": "",
	})
	link(t, dir, "real", "models")
	link(t, dir, "..1", "real/..data")
	link(t, dir, "../..data/config.pbtxt", "real/cat/config.pbtxt")
	link(t, dir, "../..data/labels.txt", "real/cat/labels.txt")
	link(t, dir, "..1", "real/cat/1/..data")
	link(t, dir, "..data/net.onnx", "real/cat/1/net.onnx")
	link(t, dir, "cat", "real/alias")
	r, _ := open(t, filepath.Join(dir, "models"), repository.Options[string]{})
	for _, name := range []string{"cat", "alias"} {
		if got := answer(t, r, name, ""); got != "one" {
			t.Errorf("%s answers %q", name, got)
		}
		if v := only(t, r, name); len(v.Labels) != 2 {
			t.Errorf("labels %q", v.Labels)
		}
	}
}

func TestOnlyRegularFilesAreLoaded(t *testing.T) {
	dir := write(t, map[string]string{"pipe/1/readme": "", "sides/1/model.onnx": "", "settings/1/model.onnx": "", "nowhere/readme": ""})
	for _, path := range []string{"pipe/1/model.onnx", "sides/labels.txt", "settings/config.pbtxt"} {
		must(t, syscall.Mkfifo(filepath.Join(dir, path), 0o600))
	}
	link(t, dir, "not-there", "nowhere/1/model.onnx")
	r, _ := open(t, dir, repository.Options[string]{})
	for name, want := range map[string]string{
		"pipe": "pipe/1/model.onnx is neither", "sides": "sides/labels.txt is neither", "settings": "settings/config.pbtxt is neither",
		"nowhere": "nowhere/1/model.onnx is a symbolic link to a file that does not exist",
	} {
		if v := only(t, r, name); v.State != repository.Unavailable || !strings.Contains(v.Reason, want) {
			t.Errorf("%s: reason %q", name, v.Reason)
		}
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := write(t, map[string]string{"cat/1/model.onnx": "", "cat/labels.txt": "a"})
	must(t, os.Chmod(filepath.Join(dir, "cat/labels.txt"), 0))
	r, _ := open(t, dir, repository.Options[string]{})
	if v := only(t, r, "cat"); !strings.HasPrefix(v.Reason, "cat/labels.txt: permission denied; the next attempt is at ") {
		t.Errorf("reason %q", v.Reason)
	}
}

// A file of any kind that the model does not use cannot prevent its load.
func TestUnusedOddFilesPreventNoLoad(t *testing.T) {
	dir := write(t, map[string]string{"cat/1/model.onnx": "one", "cat/1/private/x": "", "dog/1/model.onnx": "bark"})
	for _, path := range []string{"cat/1/pipe", "cat/pipe", "cat/7", "pipe"} {
		must(t, syscall.Mkfifo(filepath.Join(dir, path), 0o600))
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(dir, "dog/1/s"))
	must(t, err)
	defer listener.Close()
	link(t, dir, "not-there", "cat/1/dangling")
	link(t, dir, "not-there", "dangling")
	link(t, dir, ".", "dog/1/self")
	huge, err := os.Create(filepath.Join(dir, "cat/1/huge"))
	must(t, err)
	must(t, errors.Join(huge.Truncate(1<<40), huge.Close()))
	must(t, os.Chmod(filepath.Join(dir, "cat/1/private"), 0))
	t.Cleanup(func() { must(t, os.Chmod(filepath.Join(dir, "cat/1/private"), 0o700)) })
	r, _ := open(t, dir, repository.Options[string]{})
	expect(t, r, "cat/1 ready, dangling, dog/1 ready")
}

// Permissions are corrected without a change of the files: size and time stay the same.
func TestFilesThatBecomeReadableAreLoaded(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	for _, path := range []string{"cat", "cat/1", "cat/config.pbtxt", "cat/labels.txt", "cat/1/model.onnx"} {
		for control, options := range atStart {
			synctest.Test(t, func(t *testing.T) {
				dir := write(t, map[string]string{"cat/1/model.onnx": "one", "cat/labels.txt": "a", "cat/config.pbtxt": "max_batch_size: 0"})
				secret := filepath.Join(dir, path)
				info, err := os.Stat(secret)
				must(t, errors.Join(err, os.Chmod(secret, 0)))
				l := &loader{}
				r := started(t, dir, l, options)
				if m := r.Snapshot().Models[0]; m.Newest() != nil {
					t.Errorf("%s, %s: it serves", path, control)
				}
				must(t, os.Chmod(secret, info.Mode()))
				time.Sleep(2 * time.Minute)
				if got := index(r); got != "cat/1 ready" {
					t.Errorf("%s, %s: readable again it has %s, %q", path, control, got, r.Snapshot().Models[0].Reason)
				}
				must(t, r.Close())
			})
		}
	}
}

// Absolute links, and links that leave the directory and come back, lead to places inside it.
func TestLinksThatLeadInsideAreFollowed(t *testing.T) {
	dir := write(t, map[string]string{"models/.blobs/a": "one", "models/.rev/7/model.onnx": "two", "models/cat/1/readme": "", "models/dog/labels.txt": "x\ny", "models/emu/1/readme": ""})
	models := filepath.Join(dir, "models")
	link(t, dir, filepath.Join(models, ".blobs/a"), "models/cat/1/model.onnx")
	link(t, dir, filepath.Join(models, "dog/labels.txt"), "models/cat/labels.txt")
	link(t, dir, filepath.Join(models, ".rev/7"), "models/dog/1")
	link(t, dir, "../../../models/.blobs/a", "models/emu/1/model.onnx")
	link(t, dir, filepath.Join(models, "not-there"), "models/emu/1/unused")
	link(t, dir, "models", "alias")
	for _, path := range []string{"models", "alias"} {
		r, _ := open(t, filepath.Join(dir, path), repository.Options[string]{})
		expect(t, r, "cat/1 ready, dog/1 ready, emu/1 ready")
		if one, two := answer(t, r, "cat", ""), answer(t, r, "dog", ""); one != "one" || two != "two" || len(only(t, r, "cat").Labels) != 2 {
			t.Errorf("%s: they answer %q and %q", path, one, two)
		}
	}
}

func TestAllLinksAreFollowedOnlyByASetting(t *testing.T) {
	outside := write(t, map[string]string{"blobs/a": "one", "snapshots/1/config.json": `{"id2label": {"0": "x", "1": "y"}}`, "model/1/model.onnx": "whole", "config.pbtxt": `max_batch_size: 0`})
	link(t, outside, "../../blobs/a", "snapshots/1/model.onnx")
	dir := write(t, map[string]string{"file/1/readme": "", "broken/1/readme": ""})
	link(t, dir, filepath.Join(outside, "snapshots/1/model.onnx"), "file/1/model.onnx")
	link(t, dir, filepath.Join(outside, "config.pbtxt"), "file/config.pbtxt")
	link(t, dir, filepath.Join(outside, "snapshots/1"), "version/1")
	link(t, dir, filepath.Join(outside, "model"), "model")
	link(t, dir, filepath.Join(outside, "nothing"), "broken/1/model.onnx")
	r, _ := open(t, dir, repository.Options[string]{FollowLinks: repository.LinksAll})
	expect(t, r, "broken/1 unavailable, file/1 ready, model/1 ready, version/1 ready")
	if a, b, c := answer(t, r, "file", ""), answer(t, r, "version", ""), answer(t, r, "model", ""); a != "one" || b != "one" || c != "whole" {
		t.Errorf("they answer %q, %q, %q", a, b, c)
	}
	if labels := only(t, r, "version").Labels; len(labels) != 2 {
		t.Errorf("labels %q", labels)
	}
	if reason := only(t, r, "broken").Reason; reason != "broken/1/model.onnx is a symbolic link to a file that does not exist" {
		t.Errorf("reason %q", reason)
	}

	inside, _ := open(t, dir, repository.Options[string]{})
	expect(t, inside, "broken/1 unavailable, file/1 unavailable, model, version/1 unavailable")
	if reason := only(t, inside, "version").Reason; !strings.Contains(reason, "version/1 is a symbolic link that leads out of the models directory, and only links inside it are followed (follow-links)") {
		t.Errorf("reason %q", reason)
	}
}

// The default models directory is a relative path, and absolute links lead to absolute ones.
func TestAbsoluteLinksInARelativeDirectoryAreFollowed(t *testing.T) {
	dir := write(t, map[string]string{"models/.blobs/a": "one", "secret": "secret", "models/out/1/readme": ""})
	models := filepath.Join(dir, "models")
	link(t, dir, filepath.Join(models, ".blobs/a"), "models/cat/1/model.onnx")
	link(t, dir, filepath.Join(models, "cat/1"), "models/dog/1")
	link(t, dir, filepath.Join(models, "nothing"), "models/fox/1/model.onnx")
	link(t, dir, filepath.Join(dir, "secret"), "models/out/1/model.onnx")
	link(t, dir, "models", "alias")
	t.Chdir(dir)
	for _, path := range []string{"models", "alias", "./models/../models"} {
		r, _ := open(t, path, repository.Options[string]{})
		expect(t, r, "cat/1 ready, dog/1 ready, fox/1 unavailable, out/1 unavailable")
		for name, want := range map[string]string{"fox": "to a file that does not exist", "out": "leads out of the models directory"} {
			if reason := only(t, r, name).Reason; !strings.Contains(reason, want) {
				t.Errorf("%s: %s: reason %q", path, name, reason)
			}
		}
	}
	all, _ := open(t, "models", repository.Options[string]{FollowLinks: repository.LinksAll})
	if got := answer(t, all, "out", ""); got != "secret" {
		t.Errorf("with all links it answers %q", got)
	}
}

// A file that a link outside leads to is part of the model: a change reloads it.
func TestFilesBehindLinksAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outside := write(t, map[string]string{"a": "one"})
		dir := write(t, map[string]string{"cat/1/readme": ""})
		link(t, dir, filepath.Join(outside, "a"), "cat/1/model.onnx")
		r, _ := open(t, dir, repository.Options[string]{Control: repository.ControlPoll, FollowLinks: repository.LinksAll})
		go r.Poll(t.Context())
		put(t, outside, "a", "two")
		time.Sleep(settle)
		if got := answer(t, r, "cat", ""); got != "two" {
			t.Errorf("it answers %q", got)
		}
	})
}

// A link that changes between its resolution and the read leads nowhere else.
func TestALinkThatChangesDoesNotLeadOut(t *testing.T) {
	outside := write(t, map[string]string{"labels": "secret"})
	dir := write(t, map[string]string{"models/cat/1/model.onnx": "one", "models/.labels": "public"})
	models := filepath.Join(dir, "models")
	place := func(target string) {
		link(t, models, target, "cat/.next")
		must(t, os.Rename(filepath.Join(models, "cat/.next"), filepath.Join(models, "cat/labels.txt")))
	}
	place(filepath.Join(models, ".labels"))
	r, _ := open(t, models, repository.Options[string]{Control: repository.ControlExplicit, StartupModels: []string{"*"}})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				place([]string{filepath.Join(models, ".labels"), filepath.Join(outside, "labels")}[i%2])
			}
		}
	}()
	for range 300 {
		_ = r.LoadModel(t.Context(), "cat", nil) // fails where the link leads out
		for _, v := range r.Snapshot().Models[0].Versions {
			if len(v.Labels) > 0 && v.Labels[0] != "public" {
				t.Fatalf("labels %q", v.Labels)
			}
		}
	}
	close(stop)
	<-stopped
}
