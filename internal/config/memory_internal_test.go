package config

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

func TestDefaultMemoryBudgetIsHalfOfTheSmallestLimit(t *testing.T) {
	t.Parallel()
	machine := memlimit.Limit(16 << 30)
	none := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	for name, test := range map[string]struct {
		sources []memlimit.Provider
		want    Size
	}{
		"unknown":                         {sources: []memlimit.Provider{none, none}, want: 0},
		"no control group":                {sources: []memlimit.Provider{none, machine}, want: 8 << 30},
		"a container":                     {sources: []memlimit.Provider{memlimit.Limit(512 << 20), machine}, want: 256 << 20},
		"a limit larger than the machine": {sources: []memlimit.Provider{memlimit.Limit(math.MaxInt64), machine}, want: 8 << 30},
		"a machine of unknown size":       {sources: []memlimit.Provider{memlimit.Limit(512 << 20), none}, want: 256 << 20},
		"odd number of MiB":               {sources: []memlimit.Provider{memlimit.Limit(3073 << 10)}, want: 1 << 20},
	} {
		if got := defaultMemoryBudget(test.sources...); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestThisMachineHasMemory(t *testing.T) {
	t.Parallel()
	switch runtime.GOOS {
	case "linux", "darwin", "windows":
		if got := Default().MemoryBudget; got <= 0 {
			t.Errorf("the default budget is %v", got)
		}
	}
}

// Limits that let the kernel end something are reported, the defaults are not.
func TestWorkerMemoryFitsTheMachine(t *testing.T) {
	t.Parallel()
	sources := []memlimit.Provider{memlimit.Limit(10 << 30), memlimit.Limit(1 << 40)}
	for name, test := range map[string]struct {
		worker, budget Size
		want           string // empty: they fit
	}{
		"defaults":         {defaultWorkerMemory(sources...), defaultMemoryBudget(sources...), ""},
		"fits":             {6 << 30, 4 << 30, ""},
		"budget and all":   {6 << 30, 4<<30 + 1<<20, "worker-memory is 6GiB and memory-budget is 4097MiB, together more than the 10GiB"},
		"one worker alone": {11 << 30, 1 << 20, "worker-memory is 11GiB, and the cgroup or the machine has 10GiB"},
		"no limit":         {0, 1 << 20, "worker-memory is 0, no limit"},
	} {
		c := &Config{WorkerMemory: test.worker, MemoryBudget: test.budget}
		err := c.checkWorkerMemory(sources...)
		if (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if err := (&Config{WorkerMemory: 1 << 50}).checkWorkerMemory(); err != nil {
		t.Errorf("a machine of unknown size: %v", err)
	}
}
