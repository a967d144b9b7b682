package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/tensorwire/tensorwire/internal/config"
)

// resolveArgs parses args and returns the configuration.
func resolveArgs(t *testing.T, args ...string) (*config.Config, error) {
	t.Helper()
	settings := config.New()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	settings.AddTo(flags)
	if err := flags.Parse(config.DoubleDashes(flags, args)); err != nil {
		return nil, err
	}
	return settings.Resolve(func(string) string { return "" })
}

// Sizes that have a unit or a leading zero are decimal in the memory budget, while the
// other numbers accept Go's integer literals.
func TestMemoryBudgetIsDecimal(t *testing.T) {
	c, err := resolveArgs(t, "--memory-budget", "01000000000000", "--max-queue-bytes", "010")
	if err != nil {
		t.Fatal(err)
	}
	if c.MemoryBudget != 1_000_000_000_000 || c.MaxQueueBytes != 8 {
		t.Errorf("memory budget %d, queue %d", c.MemoryBudget, c.MaxQueueBytes)
	}
	for _, text := range []string{"0x10000000000", "1_000_000_000_000", "0b1"} {
		if _, err := resolveArgs(t, "--memory-budget", text); err == nil {
			t.Errorf("--memory-budget %s is accepted", text)
		}
	}
}

// A wrapper script's value does not matter where a later flag overrides it.
func TestTheLastLogSettingCounts(t *testing.T) {
	c, err := resolveArgs(t, "-log-level", "", "-log-format=TEXT", "--log-level=debug", "--log-format", "json")
	if err != nil || c.LogLevel != "debug" || c.LogFormat != "json" {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = resolveArgs(t, "--log-level", "trace", "--log-format", "xml")
	if err == nil || !strings.Contains(err.Error(), `log-level is "trace"`) || !strings.Contains(err.Error(), `log-format is "xml"`) {
		t.Errorf("%v", err)
	}
}

// A file that does not end must not hold up the start, nor fill the memory.
func TestOnlySmallRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte("#"+strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{dir: "no regular file", os.DevNull: "no regular file", large: "more than 1048576 bytes"} {
		if _, err := resolveArgs(t, "--config", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// The name of an anchor is not the name of a setting.
func TestAnAliasIsNoKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alias.yaml")
	if err := os.WriteFile(file, []byte("listen: &models 127.0.0.1:1\n*models : elsewhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := resolveArgs(t, "--config", file); err == nil || !strings.Contains(err.Error(), "found the alias *models as a key") {
		t.Errorf("%v", err)
	}
}
