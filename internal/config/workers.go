package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/pflag"

	"github.com/tensorwire/tensorwire/internal/base/bytesize"
	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// The values of Config.Isolation.
const (
	// IsolationAuto is IsolationVersion, or IsolationOff where workers are not supported.
	IsolationAuto = "auto"
	// IsolationVersion gives each version a worker process, and pools of small models one.
	IsolationVersion = "version"
	// IsolationShared runs all models in one worker process.
	IsolationShared = "shared"
	// IsolationOff runs models in the server's process.
	IsolationOff = "off"
)

var isolations = []string{IsolationAuto, IsolationVersion, IsolationShared, IsolationOff}

func (c *Config) workerFlags() *pflag.FlagSet {
	f := newFlags()
	note(f.checked(&c.Isolation, IsolationAuto, "isolation", "`processes` that run models: version (one for each version; small models share), shared (one for all), off (the server's own), or auto (version, or off where that is not supported)", checkIsolation), choices, isolations...)
	note(scalar(f, &c.WorkerMemory, defaultWorkerMemory(memlimit.FromCgroup, memlimit.FromSystem), "worker-memory", sizeKind, "maximum `size` of memory of one worker process; one that exceeds it is ended; 0 is no limit", bytesize.Parse),
		defaultNote, "four fifths of the memory limit of the cgroup or the machine")
	f.bool(&c.WorkerSpares, "worker-spares", "keep a second process ready for a model whose worker died within ten minutes; takes its memory twice")
	return f.FlagSet
}

func checkIsolation(text string) error {
	if slices.Contains(isolations, text) {
		return nil
	}
	last := len(isolations) - 1
	return errors.New("give " + strings.Join(isolations[:last], ", ") + " or " + isolations[last])
}

// defaultWorkerMemory returns four fifths of the memory that the process may use, in whole
// MiB: a model that needs more is ended before the kernel ends something else. 0, no limit,
// where no source knows one.
func defaultWorkerMemory(sources ...memlimit.Provider) Size {
	most := availableMemory(sources...) / 5 * 4
	return Size(most - most%(1<<20))
}

// AvailableMemory returns the memory limit of the cgroup, or the memory of the machine if that is
// less, in bytes; 0 where neither is known.
func (c *Config) AvailableMemory() int64 {
	return int64(availableMemory(memlimit.FromCgroup, memlimit.FromSystem)) //nolint:gosec // no memory has 2^63 bytes
}

// WorkerMemoryIsDefault reports whether WorkerMemory has its default.
func (c *Config) WorkerMemoryIsDefault() bool {
	return c.WorkerMemory == defaultWorkerMemory(memlimit.FromCgroup, memlimit.FromSystem)
}

// CheckWorkerMemory returns why the memory limits do not prevent that the kernel ends
// something: one worker, or the request messages and one worker, may use more than the
// cgroup or the machine has. The defaults together may: both limits are seldom reached at
// once.
func (c *Config) CheckWorkerMemory() error {
	return c.checkWorkerMemory(memlimit.FromCgroup, memlimit.FromSystem)
}

func (c *Config) checkWorkerMemory(sources ...memlimit.Provider) error {
	available := Size(availableMemory(sources...) >> 20 << 20)
	isDefault := c.WorkerMemory == defaultWorkerMemory(sources...) && c.MemoryBudget == defaultMemoryBudget(sources...)
	switch {
	case available == 0 || isDefault:
		return nil
	case c.WorkerMemory == 0:
		return setting.Errorf("%s is 0, no limit: when memory is exhausted the kernel may end the server; give a size below %v, the memory of the cgroup or the machine", setting.WorkerMemory, available)
	case c.WorkerMemory > available:
		return setting.Errorf("%s is %v, and the cgroup or the machine has %v: when memory is exhausted the kernel may end the server; give a smaller size", setting.WorkerMemory, c.WorkerMemory, available)
	case c.WorkerMemory > available-c.MemoryBudget:
		return setting.Errorf("%s is %v and %s is %v, together more than the %v of the cgroup or the machine: when memory is exhausted the kernel may end the server; lower one of them", setting.WorkerMemory, c.WorkerMemory, setting.MemoryBudget, c.MemoryBudget, available)
	}
	return nil
}
