package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/pflag"
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
	note(scalar(f, &c.WorkerMemory, defaultWorkerMemory(memlimit.FromCgroup, memlimit.FromSystem), "worker-memory", sizeKind, "maximum `size` of memory of one worker process; one that exceeds it is ended; 0 is no limit", parseDecimalSize),
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
