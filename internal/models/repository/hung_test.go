package repository_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// hung is a file system that does not answer while it is set.
type hung struct {
	held  atomic.Pointer[chan struct{}]
	waits atomic.Int64
}

func (h *hung) set() (release func()) {
	held := make(chan struct{})
	h.held.Store(&held)
	return func() {
		h.held.Store(nil)
		close(held)
	}
}

func (h *hung) before() {
	if held := h.held.Load(); held != nil {
		h.waits.Add(1)
		<-*held
		h.waits.Add(-1)
	}
}

// lockedLog is a log that other goroutines write to meanwhile.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lockedLog) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func TestAFileSystemThatDoesNotAnswerBlocksNothing(t *testing.T) {
	for control, options := range map[string]repository.Options[string]{
		"poll":     {Control: repository.ControlPoll},
		"explicit": {Control: repository.ControlExplicit, StartupModels: []string{"*"}},
	} {
		t.Run(control, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h hung
				var log lockedLog
				options.Logger = slog.New(slog.NewTextHandler(&log, nil))
				repository.BeforeRead(&options, h.before)
				dir, l := write(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"}), &loader{}
				r := repository.New(dir, enginetest.Registry(l), options)
				must(t, errors.Join(r.Scan(), r.Load(t.Context())))
				polls := make(chan struct{})
				go func() { r.Poll(t.Context()); close(polls) }()
				synctest.Wait()
				log.Reset()

				release := h.set()
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := h.waits.Load(); n != 1 {
					t.Errorf("%d goroutines wait for the file system", n)
				}
				if want := "the models directory does not answer: loaded models keep serving"; strings.Count(log.String(), want) != 1 || strings.Count(log.String(), "\n") != 1 {
					t.Errorf("the log is\n%swant once %q", &log, want)
				}
				expect(t, r, "cat/1 ready, dog/1 ready")
				if got := answer(t, r, "cat", ""); got != "one" {
					t.Errorf("it answers %q", got)
				}
				if options.Control == repository.ControlExplicit {
					loaded := make(chan error, 1)
					go func() { loaded <- r.LoadModel(t.Context(), "cat", nil) }()
					synctest.Wait()
					must(t, r.UnloadModel(t.Context(), "cat"))
					if err := <-loaded; !errors.Is(err, repository.ErrLoad) {
						t.Errorf("the load gives %v", err)
					}
					expect(t, r, "cat/1 unavailable, dog/1 ready")
					if n := r.AbandonedLoads(); n != 1 {
						t.Errorf("%d loads are abandoned", n)
					}
				}

				release()
				time.Sleep(time.Hour)
				synctest.Wait()
				if want := "the models directory can be followed again"; strings.Count(log.String(), want) != 1 {
					t.Errorf("the log is\n%swant once %q", &log, want)
				}
				if n := r.AbandonedLoads(); n != 0 {
					t.Errorf("%d loads are abandoned", n)
				}

				release = h.set()
				time.Sleep(time.Minute)
				must(t, r.Close()) // while a read waits
				<-polls
				if l.opened() != 0 {
					t.Errorf("%d sessions are open", l.opened())
				}
				release()
			})
		})
	}
}

// A client cannot fill the process with reads of a file system that does not answer.
func TestReadsThatDoNotEndAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hung
		options := explicit
		repository.BeforeRead(&options, h.before)
		r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), options)
		release := h.set()
		refused := 0
		for range 20 {
			loaded := make(chan error, 1)
			go func() { loaded <- r.LoadModel(t.Context(), "cat", nil) }()
			synctest.Wait()
			must(t, r.UnloadModel(t.Context(), "cat"))
			if err := <-loaded; strings.Contains(err.Error(), "too many abandoned loads") {
				refused++
			}
		}
		if refused != 12 || h.waits.Load() != 8 {
			t.Errorf("%d loads were refused, %d reads wait", refused, h.waits.Load())
		}
		release()
		synctest.Wait()
		must(t, r.LoadModel(t.Context(), "cat", nil))
		expect(t, r, "cat/1 ready")
	})
}

// The start ends within the time limit of loads, and the models load when the file system
// answers again.
func TestAStartWithoutAnAnswerEndsAndIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hung
		options := repository.Options[string]{Control: repository.ControlNone, LoadTimeout: time.Minute}
		options.Logger = quiet
		repository.BeforeRead(&options, h.before)
		l := &loader{}
		r := repository.New(write(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": ""}), enginetest.Registry(l), options)
		must(t, r.Scan())
		release := h.set()
		must(t, r.Load(t.Context()))
		expect(t, r, "cat/1 unavailable, dog/1 unavailable")
		if reason := only(t, r, "cat").Reason; !strings.Contains(reason, "it was not loaded within 1m0s (load-timeout)") {
			t.Errorf("reason %q", reason)
		}
		release()
		time.Sleep(2 * time.Minute)
		expect(t, r, "cat/1 ready, dog/1 ready")
		must(t, r.Close())
	})
}
