package modelconfig

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxProblems bounds the problems that an error names, and maxWarnings the
	// warnings: a text has room for many thousands.
	maxProblems = 8
	maxWarnings = 100
)

// report gathers what is wrong with a configuration, so that whoever corrects it sees
// all of it at once.
type report struct {
	// source begins each message: where the configuration is from.
	source             string
	warnings, problems []string
	moreWarnings, more int
}

// warn adds a warning.
func (r *report) warn(format string, args ...any) {
	if len(r.warnings) == maxWarnings {
		r.moreWarnings++
		return
	}
	r.warnings = append(r.warnings, r.source+": "+oneLine(fmt.Sprintf(format, args...)))
}

// problem adds what is an error.
func (r *report) problem(format string, args ...any) {
	if len(r.problems) == maxProblems {
		r.more++
		return
	}
	r.problems = append(r.problems, oneLine(fmt.Sprintf(format, args...)))
}

// allWarnings returns the warnings, the last of which says how many are left out.
func (r *report) allWarnings() []string {
	if r.moreWarnings > 0 {
		return append(r.warnings, fmt.Sprintf("%s: and %d more", r.source, r.moreWarnings))
	}
	return r.warnings
}

// err returns one error that names the problems, nil where there are none.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	text := r.source + ": " + strings.Join(r.problems, "; ")
	if r.more > 0 {
		text += fmt.Sprintf("; and %d more", r.more)
	}
	return errors.New(text)
}
