package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// alive reports whether a process exists and is not a zombie.
func alive(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}

// An idle worker returns the memory of a large run to the system.
func TestMemoryOfLargeOutputsReturns(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector does not return its memory of the addresses that were used")
	}
	p := start(t, process.Options{})
	id := load(t, p, "x")
	if text, err := run(t.Context(), p, id, "large output"); err != nil || len(text) != 64<<20 {
		t.Fatal(len(text), err)
	}
	until(t, "less than 48 MiB", func() bool {
		var kilobytes int
		if _, err := fmt.Sscan(field(t, p.PID(), "status", "RssAnon:"), &kilobytes); err != nil {
			t.Fatal(err)
		}
		return kilobytes < 48<<10
	})
}

func TestMemoryLimit(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's memory exceeds the limit of private memory")
	}
	p := start(t, process.Options{MemoryLimit: 128 << 20, MemoryInterval: 10 * time.Millisecond})
	used, err := p.Memory()
	if err != nil || used.Proportional <= 0 || used.Resident < used.Proportional || used.Resident > 128<<20 {
		t.Errorf("%+v, %v", used, err)
	}
	if got := field(t, p.PID(), "limits", "Max data size"); !strings.HasPrefix(got, strconv.Itoa(128<<20+process.DataMargin)+" ") {
		t.Errorf("private memory: %s", got)
	}
	_, err = run(context.Background(), p, load(t, p, "x"), "allocate")
	if !errors.Is(err, engine.ErrOutOfMemory) || !errors.Is(err, engine.ErrCrashed) {
		t.Errorf("error %v", err)
	}
	<-p.Done()
	if _, err := p.Memory(); err == nil {
		t.Error("a dead worker has memory")
	}
}
