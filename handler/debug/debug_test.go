package debug_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/handler/debug"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
)

// pool is a server with one worker that runs, and one that does not.
type pool struct{}

func (pool) List() []worker.Info {
	return []worker.Info{
		{Name: "/models/a", Models: []string{"/models/a/1/model.onnx"}, MemoryBytes: 7, Worker: engine.Worker{PID: 42, Started: time.Unix(100, 0).UTC(), Restarts: 2, LastDeath: "SIGSEGV", Died: time.Unix(90, 0).UTC()}, Role: worker.Serves, LastOutput: "a fault"},
		{Name: "/models/b", Role: worker.Serves, Cause: "no more processes"},
		{Name: "/models/b (spare)", Role: worker.Spare, Worker: engine.Worker{PID: 43}},
	}
}

func (pool) Profile(_ context.Context, pid int, name string, debug int, duration time.Duration) ([]byte, error) {
	if pid != 42 {
		return nil, fmt.Errorf("%w: %d", worker.ErrNoWorker, pid)
	}
	return fmt.Appendf(nil, "%s %d %v", name, debug, duration), nil
}

func get(t *testing.T, o debug.Options, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	debug.Handler(o).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, http.NoBody).WithContext(t.Context()))
	return w
}

func TestWorkersAreListed(t *testing.T) {
	w := get(t, debug.Options{Workers: pool{}}, "/debug/workers")
	var list []map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 3 {
		t.Fatal(w.Body, err)
	}
	if a := list[0]; a["pid"] != 42.0 || a["state"] != "running" || a["restarts"] != 2.0 || a["last_death"] != "SIGSEGV" || a["memory_bytes"] != 7.0 || a["started"] != "1970-01-01T00:01:40Z" || a["died"] != "1970-01-01T00:01:30Z" {
		t.Errorf("running: %v", a)
	}
	if b := list[1]; b["pid"] != 0.0 || b["state"] != "starting" || b["reason"] != "no more processes" || b["started"] != nil {
		t.Errorf("starting: %v", b)
	}
	if a := list[0]; a["role"] != "serves" || a["last_output"] != "a fault" {
		t.Errorf("running: %v", a)
	}
	if c := list[2]; c["role"] != "spare" || c["pid"] != 43.0 || c["models"] != nil {
		t.Errorf("a spare: %v", c)
	}
	if w := get(t, debug.Options{}, "/debug/workers"); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("without workers: %d %s", w.Code, w.Body)
	}
}

func TestProfiles(t *testing.T) {
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/debug/workers/42/pprof/goroutine?debug=2":   {200, "goroutine 2 30s"},
		"/debug/workers/42/pprof/profile?seconds=300": {200, "cpu 0 5m0s"},
		"/debug/workers/42/pprof/heap":                {200, "heap 0 30s"},
		"/debug/workers/42/pprof/heap?debug=3":        {400, `debug is "3": give a number from 0 to 2`},
		"/debug/workers/42/pprof/profile?seconds=301": {400, `seconds is "301": give a number from 1 to 300`},
		"/debug/workers/43/pprof/heap":                {404, "no worker has this process ID: 43: /debug/workers lists them"},
		"/debug/workers/all/pprof/heap":               {404, `no worker has this process ID: "all"`},
		"/debug/pprof/goroutine?debug=2":              {200, "handler/debug_test.TestProfiles"},
		"/debug/pprof/heap?debug=1":                   {200, "heap profile:"},
		"/debug/pprof/profile?seconds=1":              {200, "\x1f\x8b"}, // gzip
		"/debug/pprof/nothing":                        {500, `no profile "nothing": give cpu or`},
	} {
		if w := get(t, debug.Options{Workers: pool{}}, path); w.Code != want.status || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %.200s, want %+v", path, w.Code, w.Body, want)
		}
	}
	if w := get(t, debug.Options{}, "/debug/workers/42/pprof/heap"); w.Code != http.StatusNotFound {
		t.Errorf("without workers: %d %s", w.Code, w.Body)
	}
}

// A server that stops does not wait for a profile.
func TestDrainingEndsProfiles(t *testing.T) {
	draining := make(chan struct{})
	close(draining)
	if w := get(t, debug.Options{Draining: draining}, "/debug/pprof/profile?seconds=300"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
