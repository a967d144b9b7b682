package repository_test

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

const wait = 10 * time.Minute

// herd runs test with four models whose directory is read each wait.
func herd(t *testing.T, test func(t *testing.T, dir string, r *repository.Repository[string], log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"a/1/model.onnx": "", "b/1/model.onnx": "", "c/1/model.onnx": "", "d/1/model.onnx": ""})
		log := &bytes.Buffer{}
		r, _ := open(t, dir, repository.Options[string]{Control: repository.ControlPoll, PollInterval: wait, Logger: slog.New(slog.NewTextHandler(log, nil))})
		go r.Poll(t.Context())
		// The first read is done. The rest of a second keeps changes apart from reads, which are
		// at multiples of a quarter of a second.
		time.Sleep(wait + time.Minute + 100*time.Millisecond)
		test(t, dir, r, log)
	})
}

const massLine = "most models have disappeared at once: they are unloaded if the next scan confirms it"

// More than half of at least four models disappear: a second scan confirms it.
func TestMostModelsAreUnloadedWhenAnotherScanConfirmsIt(t *testing.T) {
	herd(t, func(t *testing.T, dir string, r *repository.Repository[string], log *bytes.Buffer) {
		for _, name := range []string{"a", "b", "c"} {
			drop(t, dir, name)
		}
		put(t, dir, "d/1/model.onnx", "changed")
		time.Sleep(wait)
		expect(t, r, "a/1 ready, b/1 ready, c/1 ready, d/1 ready")
		if got := answer(t, r, "d", ""); got != "changed" { // others are followed
			t.Errorf("it answers %q", got)
		}
		time.Sleep(wait)
		expect(t, r, "d/1 ready")
		synctest.Wait()
		if strings.Count(log.String(), massLine) != 1 {
			t.Errorf("the log is\n%s", log)
		}
	})
}

func TestModelsThatComeBackBeforeTheConfirmationKeepServing(t *testing.T) {
	herd(t, func(t *testing.T, dir string, r *repository.Repository[string], log *bytes.Buffer) {
		for range 2 { // again and again
			var mounts []func()
			for _, name := range []string{"a", "b"} {
				mounts = append(mounts, unmount(t, filepath.Join(dir, name))) // the directory stays
			}
			mounts = append(mounts, hide(t, dir, "c"))
			time.Sleep(wait)
			expect(t, r, "a/1 ready, b/1 ready, c/1 ready, d/1 ready")
			for _, mount := range mounts {
				mount()
			}
			time.Sleep(2 * wait)
			expect(t, r, "a/1 ready, b/1 ready, c/1 ready, d/1 ready")
		}
		synctest.Wait()
		if strings.Count(log.String(), massLine) != 2 {
			t.Errorf("the log is\n%s", log)
		}
	})
}

func TestHalfOfTheModelsAreUnloadedAtOnce(t *testing.T) {
	herd(t, func(t *testing.T, dir string, r *repository.Repository[string], log *bytes.Buffer) {
		drop(t, dir, "a")
		drop(t, dir, "b")
		time.Sleep(wait)
		expect(t, r, "c/1 ready, d/1 ready")
		drop(t, dir, "c") // fewer than four are left
		time.Sleep(wait)
		expect(t, r, "d/1 ready")
		synctest.Wait()
		if strings.Contains(log.String(), massLine) {
			t.Errorf("the log is\n%s", log)
		}
	})
}
