package repository

import (
	"fmt"
	"strings"
)

// The author of a model decides how many warnings it causes and how long they are, because
// they contain names and values of its files. Each list of models has them.
const (
	maxWarnings = 100
	maxWarning  = 1 << 10 // bytes
)

// Warn records a warning about the files of the version, which the repository logs when it
// has been loaded. Only Options.Compile may call it.
func (v *Version[S]) Warn(format string, args ...any) {
	v.warnings = append(v.warnings, fmt.Sprintf(format, args...))
}

// Warnings say what of the model, its configuration and its files is ignored or not served:
// at most 101 texts of about 1 kB in UTF-8. They are complete when the version is loaded.
// The caller does not change them.
func (v *Version[S]) Warnings() []string { return v.warnings }

// boundWarnings returns warnings for the log and for clients: the first ones in valid UTF-8,
// each without what exceeds maxWarning. If some are left out, the last one is their number.
func boundWarnings(warnings []string) []string {
	var bounded []string
	for i, warning := range warnings {
		if i == maxWarnings {
			return append(bounded, fmt.Sprintf("and %d more", len(warnings)-i))
		}
		text := strings.ToValidUTF8(warning, "\ufffd")
		if len(text) > maxWarning {
			text = strings.ToValidUTF8(text[:maxWarning], "") + "..."
		}
		bounded = append(bounded, text)
	}
	return bounded
}
