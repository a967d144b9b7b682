package repository_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

const unloadFirst = `parameters { key: "unload_before_load" value { string_value: "true" } }`

func TestUnloadBeforeLoad(t *testing.T) {
	for name, test := range map[string]struct {
		server bool
		config string
		open   int64 // sessions while the new one loads
	}{
		"default":                {open: 1},
		"setting":                {server: true, open: 0},
		"parameter":              {config: unloadFirst, open: 0},
		"parameter over setting": {server: true, config: strings.Replace(unloadFirst, "true", "false", 1), open: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := write(t, map[string]string{"cat/1/model.onnx": "one", "cat/config.pbtxt": test.config})
				r, l := open(t, dir, repository.Options[string]{Control: repository.ControlPoll, UnloadBeforeLoad: test.server})
				go r.Poll(t.Context())
				for _, path := range []string{"cat/1/model.onnx", "cat/2/model.onnx"} { // the same version, and a newer one
					var before atomic.Int64
					before.Store(-1)
					l.before = func(string) { before.Store(int64(l.opened())) }
					put(t, dir, path, "next")
					time.Sleep(settle)
					if before.Load() != test.open || l.opened() != 1 || answer(t, r, "cat", "") != "next" {
						t.Errorf("%s: %d sessions were open during the load, %d after it: %s", path, before.Load(), l.opened(), index(r))
					}
				}
				expect(t, r, "cat/2 ready")
			})
		})
	}
}

// What cannot be loaded anyway takes nothing out of service.
func TestUnloadBeforeLoadNeedsAReplacement(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one", "cat/config.pbtxt": unloadFirst}, func(t *testing.T, dir string, r *repository.Repository[string], _ *loader) {
		put(t, dir, "cat/2/readme", "")
		time.Sleep(settle)
		if got := answer(t, r, "cat", ""); got != "one" {
			t.Errorf("it answers %q: %s", got, index(r))
		}
		drop(t, dir, "cat/2")
		put(t, dir, "cat/config.pbtxt", unloadFirst+" max_batch_size: many")
		time.Sleep(settle)
		if got := answer(t, r, "cat", ""); got != "one" {
			t.Errorf("it answers %q: %s", got, index(r))
		}
	})
}

func TestUnloadBeforeLoadWaitsForLeases(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one", "cat/config.pbtxt": unloadFirst}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		lease, err := r.Acquire("cat", "")
		must(t, err)
		put(t, dir, "cat/1/model.onnx", "two")
		time.Sleep(settle)
		expect(t, r, "cat/1 loading")
		if got := run(t, lease); got != "one" || l.loaded() != nil {
			t.Errorf("the lease answers %q", got)
		}
		time.Sleep(repository.DefaultLoadTimeout)
		if v := only(t, r, "cat"); !strings.HasPrefix(v.Reason, "the earlier version is still in use; the next attempt is at ") && v.State != repository.Loading {
			t.Errorf("state %v, reason %q", v.State, v.Reason)
		}
		if l.loaded() != nil {
			t.Error("the new version was loaded beside the old one")
		}
		lease.Release()
		time.Sleep(time.Minute)
		expect(t, r, "cat/1 ready")
		if got := answer(t, r, "cat", ""); got != "two" || l.opened() != 1 {
			t.Errorf("it answers %q, %d sessions are open", got, l.opened())
		}
	})
}
