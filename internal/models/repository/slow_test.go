package repository_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// As many loads as may run at once are stuck: others load after SlowLoad.
func TestStuckLoadsHoldUpNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := map[string]string{"ok1/1/model.onnx": "", "ok2/1/model.onnx": ""}
		for i := range 2 {
			files[fmt.Sprintf("bad%d/1/model.onnx", i)] = ""
		}
		l := &loader{}
		r := repository.New(write(t, files), enginetest.Registry(l), repository.Options[string]{LoadConcurrency: 2, Logger: quiet})
		release := holdUp(t, l, "/bad")
		must(t, r.Scan())
		started := make(chan error, 1)
		go func() { started <- r.Load(t.Context()) }()
		time.Sleep(repository.SlowLoad + time.Second)
		expect(t, r, "bad0/1 loading, bad1/1 loading, ok1/1 ready, ok2/1 ready")
		release()
		must(t, <-started)
		expect(t, r, "bad0/1 ready, bad1/1 ready, ok1/1 ready, ok2/1 ready")
		must(t, r.Close())
	})
}

// Loads are inside the engine at most: LoadConcurrency that are not slow, and MaxSlowLoads.
func TestSlowLoadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := make(map[string]string)
		for i := range 20 {
			files[fmt.Sprintf("m%02d/1/model.onnx", i)] = ""
		}
		l := &loader{}
		var inside, most atomic.Int64
		l.before = func(string) {
			most.Store(max(most.Load(), inside.Add(1)))
			time.Sleep(5 * time.Minute)
			inside.Add(-1)
		}
		r := repository.New(write(t, files), enginetest.Registry(l), repository.Options[string]{LoadConcurrency: 2, Logger: quiet})
		must(t, errors.Join(r.Scan(), r.Load(t.Context())))
		if got, want := most.Load(), int64(2+repository.MaxSlowLoads); got != want || l.opened() != 20 {
			t.Errorf("%d loads at once, want %d; %d models are loaded", got, want, l.opened())
		}
		must(t, r.Close())
	})
}

// A model whose first version is slow has a slot again for its next one.
func TestASlowLoadTakesASlotForTheNextVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &loader{}
		var inside, most atomic.Int64
		l.before = func(path string) {
			most.Store(max(most.Load(), inside.Add(1)))
			if strings.Contains(path, "slow") {
				time.Sleep(repository.SlowLoad + time.Second)
			} else {
				time.Sleep(time.Second)
			}
			inside.Add(-1)
		}
		files := map[string]string{"slow/1/model.onnx": "", "slow/2/model.onnx": "", "slow/3/model.onnx": ""}
		for i := range 30 {
			files[fmt.Sprintf("quick%d/1/model.onnx", i)] = ""
		}
		r := repository.New(write(t, files), enginetest.Registry(l), repository.Options[string]{LoadConcurrency: 1, DefaultVersions: repository.VersionsAll, Logger: quiet})
		must(t, errors.Join(r.Scan(), r.Load(t.Context())))
		if most.Load() > 2 || l.opened() != 33 {
			t.Errorf("%d loads at once, %d are open", most.Load(), l.opened())
		}
		must(t, r.Close())
	})
}
