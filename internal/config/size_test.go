package config_test

import (
	"strings"
	"testing"
)

func TestMemoryBudget(t *testing.T) {
	t.Parallel()
	c := parse(t, map[string]string{"TENSORWIRE_MEMORY_BUDGET": "1GiB"})
	if c.MemoryBudget != 1<<30 {
		t.Errorf("from the environment %v", c.MemoryBudget)
	}
	if c := parse(t, nil, "--memory-budget", "0"); c.MemoryBudget != 0 {
		t.Errorf("without bound %v", c.MemoryBudget)
	}
	if c := parse(t, nil, "--memory-budget", "40MB", "--max-message-bytes", "20000000"); c.MemoryBudget != 40_000_000 {
		t.Errorf("just enough is %v", c.MemoryBudget)
	}
	_, err := resolve(nil, "--memory-budget", "40MB")
	if err == nil || !strings.Contains(err.Error(), "128MiB") || !strings.Contains(err.Error(), "--max-message-bytes to 20000000") {
		t.Errorf("less than the largest message takes: %v", err)
	}
}
