package repository

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// Versions are versions of a model.
type Versions uint8

const (
	// VersionsLatest is the newest version.
	VersionsLatest Versions = iota
	// VersionsAll are all versions.
	VersionsAll
)

var versionsNames = []string{VersionsLatest: "latest", VersionsAll: "all"}

func (v Versions) String() string { return versionsNames[v] }

// UnmarshalText implements encoding.TextUnmarshaler: it accepts latest and all.
func (v *Versions) UnmarshalText(text []byte) error { return unmarshalChoice(v, versionsNames, text) }

// config returns the configuration of a model that has no config.pbtxt.
func (v Versions) config() *inference.ModelConfig {
	config := &inference.ModelConfig{}
	if v == VersionsAll {
		config.VersionPolicy = &inference.ModelVersionPolicy{
			PolicyChoice: &inference.ModelVersionPolicy_All_{All: &inference.ModelVersionPolicy_All{}},
		}
	}
	return config
}

// skipped are the versions of a model that exist and are not served.
type skipped struct {
	// numbers are sorted, the newest first.
	numbers []int64
	// unconfigured reports that the model has no config.pbtxt, so that the server's setting
	// decides.
	unconfigured bool
}

// skipped returns the versions that are not selected.
func (d *directory) skipped(selected []versionDir) skipped {
	s := skipped{unconfigured: d.settings.absent}
	for _, v := range d.versions {
		if !contains(selected, v.number) {
			s.numbers = append(s.numbers, v.number)
		}
	}
	return s
}

func (s *skipped) equal(other *skipped) bool {
	return s.unconfigured == other.unconfigured && slices.Equal(s.numbers, other.numbers)
}

// reason returns why the versions are not served, and how to serve them.
func (s *skipped) reason() string {
	if s.unconfigured {
		return fmt.Sprintf("without config.pbtxt only the newest version is served (%s): set it to %v, or add a version_policy", setting.DefaultVersions, VersionsAll)
	}
	return "version_policy in config.pbtxt does not select it; without one the newest version is served"
}

// logSkipped logs once which versions of models without config.pbtxt are not served at the
// start, because of a default.
func logSkipped[S any](log *slog.Logger, s *Snapshot[S]) {
	const maxModels, maxVersions = 20, 10
	var models []string
	more := 0
	for _, m := range s.Models {
		if !m.skipped.unconfigured || len(m.skipped.numbers) == 0 {
			continue
		}
		if len(models) == maxModels {
			more++
			continue
		}
		var numbers []string
		for _, number := range m.skipped.numbers[:min(len(m.skipped.numbers), maxVersions)] {
			numbers = append(numbers, strconv.FormatInt(number, 10))
		}
		if n := len(m.skipped.numbers) - maxVersions; n > 0 {
			numbers = append(numbers, fmt.Sprintf("%d more", n))
		}
		models = append(models, m.Name+": "+strings.Join(numbers, ", "))
	}
	if more > 0 {
		models = append(models, fmt.Sprintf("and %d more models", more))
	}
	if len(models) > 0 {
		log.Info("earlier versions of models without config.pbtxt are not served ("+string(setting.DefaultVersions)+")", "versions", models)
	}
}
