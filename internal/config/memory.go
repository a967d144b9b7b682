package config

import (
	"github.com/KimMachineGun/automemlimit/memlimit"
)

// defaultMemoryBudget returns half of the memory that the process may use, in whole MiB:
// the other half is for models, their runs, and responses. 0, no budget, where no source
// knows a limit.
func defaultMemoryBudget(sources ...memlimit.Provider) Size {
	half := availableMemory(sources...) / 2
	return Size(half - half%(1<<20))
}

// availableMemory returns the smallest limit of sources, in bytes; 0 where none has one.
func availableMemory(sources ...memlimit.Provider) uint64 {
	var available uint64
	for _, source := range sources {
		limit, err := source()
		if err != nil || limit == 0 {
			continue // no limit, or another operating system
		}
		if available == 0 || limit < available {
			available = limit
		}
	}
	return available
}
