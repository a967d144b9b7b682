package config

import (
	"github.com/KimMachineGun/automemlimit/memlimit"
)

// defaultMemoryBudget returns half of the memory that the process may use, in whole MiB:
// the other half is for models, their runs, and responses. That memory is the smallest
// limit of sources. 0, no budget, where no source knows one.
func defaultMemoryBudget(sources ...memlimit.Provider) Size {
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
	half := available / 2
	return Size(half - half%(1<<20))
}
