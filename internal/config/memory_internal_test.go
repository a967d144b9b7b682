package config

import (
	"math"
	"runtime"
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
