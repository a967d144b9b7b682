package config_test

import (
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/config"
)

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Size{
		"0":                   0,
		"1073741824":          1 << 30,
		"512MiB":              512 << 20,
		"2 gib":               2 << 30,
		"10kB":                10_000,
		"10KiB":               10 << 10,
		"3MB":                 3_000_000,
		"4GB":                 4_000_000_000,
		"1tb":                 1_000_000_000_000,
		"2TiB":                2 << 40,
		"7B":                  7,
		"9223372036854775807": 1<<63 - 1,
	} {
		var s config.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q is %d, %v; want %d", text, s, err, want)
		}
		var again config.Size
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%d is %q, which is %d, %v", s, s.String(), again, err)
		}
	}
	if text := config.Size(3 << 29).String(); text != "1536MiB" {
		t.Errorf("3<<29 is %s", text)
	}
	for _, text := range []string{"", "B", "MiB", "-1", "1.5GiB", "1e9", "12XB", "1 2MB", "0x10", "9223372036854775808", "9223372036854775807kB", "8388608TiB"} {
		var s config.Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %d", text, s)
		}
	}
}

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
