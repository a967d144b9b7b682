package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
)

// update rewrites the settings reference: go test ./internal/config -update.
var update = flag.Bool("update", false, "write docs/settings.md")

const reference = "../../docs/settings.md"

const referenceHead = `# Settings

<!-- Generated from the flags by "make generate" (go test ./internal/config -update). Do not edit. -->

Settings of ` + "`tensorwire serve`" + `. A setting is a flag, an environment variable or a key in a
YAML file, in this order of precedence; else its default applies.

` + "```yaml" + `
# tensorwire.yaml, for tensorwire serve --config tensorwire.yaml
listen: 0.0.0.0:8080
models: /srv/models
max-queue: 256
memory-budget: 2GiB
shutdown-timeout: 1m
cors-origin: [https://app.example.com]
` + "```" + `

- Flags have one dash or two: ` + "`-listen :8080` and `--listen=:8080`" + ` are the same.
- A list has commas or a flag that repeats; in the file it is a YAML list. One source
  replaces the list of another.
- A size is a number of bytes, or has a unit: kB, MB, GB, TB (powers of 1000) or KiB, MiB,
  GiB, TiB (powers of 1024).
- A duration has units: 500ms, 30s, 2m, 1h30m.
- Unknown keys and values of the wrong type in the file are errors. The server reads the
  file once, at the start.

`

// markdown escapes text for a table.
var markdown = strings.NewReplacer("<", "&lt;", "*", `\*`, "|", `\|`)

// documentedDefault returns a flag's default on any machine.
func documentedDefault(f *pflag.Flag) string {
	switch {
	case config.DefaultNote(f) != "":
		return config.DefaultNote(f)
	case f.DefValue == "":
		return "none"
	}
	return "`" + f.DefValue + "`"
}

// TestSettingsReference compares docs/settings.md with the flags.
func TestSettingsReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, group := range config.New().Groups() {
		fmt.Fprintf(&b, "## %s\n\n| flag | environment | file key | default | meaning |\n|---|---|---|---|---|\n", group.Title)
		group.Flags.VisitAll(func(f *pflag.Flag) {
			key := "`" + f.Name + "`"
			if f.Name == string(config.FileKey) {
				key = ""
			}
			name, meaning := pflag.UnquoteUsage(f)
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", strings.TrimSpace("--"+f.Name+" "+name), config.EnvName(setting.Key(f.Name)), key, documentedDefault(f), markdown.Replace(meaning))
		})
		b.WriteString("\n")
	}
	want := strings.TrimSuffix(b.String(), "\n")
	if *update {
		if err := os.WriteFile(reference, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(reference); err != nil || string(got) != want {
		t.Errorf("docs/settings.md is out of date (%v): run make generate", err)
	}
}
