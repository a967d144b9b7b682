package modelconfig

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxProblems limits the problems in an error, maxWarnings the warnings: a text may
	// have many thousands.
	maxProblems = 8
	maxWarnings = 100
)

// report collects the problems of a configuration, so that one error lists all of them.
type report struct {
	// source is the prefix of each message: fromFile or fromRequest.
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

// problem adds an error.
func (r *report) problem(format string, args ...any) {
	if len(r.problems) == maxProblems {
		r.more++
		return
	}
	r.problems = append(r.problems, oneLine(fmt.Sprintf(format, args...)))
}

// allWarnings returns the warnings. When some were omitted, the last one is their number.
func (r *report) allWarnings() []string {
	if r.moreWarnings > 0 {
		return append(r.warnings, fmt.Sprintf("%s: and %d more", r.source, r.moreWarnings))
	}
	return r.warnings
}

// err returns one error with all problems, nil when there are none.
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
