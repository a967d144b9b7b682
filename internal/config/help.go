package config

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// helpColumns is the width of help, in columns.
const helpColumns = 80

// PrintFlags prints each flag with its meaning and its default.
func PrintFlags(out io.Writer, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name, text := pflag.UnquoteUsage(f)
		if d := describeDefault(f); d != "" {
			text += " (default: " + d + ")"
		}
		fmt.Fprintf(out, "  --%s\n", strings.TrimSpace(f.Name+" "+name))
		for _, line := range wrap(text, helpColumns-8) {
			fmt.Fprintf(out, "        %s\n", line)
		}
	})
}

// describeDefault returns a flag's default on this machine for help; empty where it is
// zero and has no note.
func describeDefault(f *pflag.Flag) string {
	note, value := f.Annotations[defaultNote], f.DefValue
	switch value {
	case "0", "0s", "false", "":
		return strings.Join(note, "")
	}
	return strings.Join(append(slices.Clip(note), value), ", ")
}

// DefaultNote returns the description of a default that depends on the machine or has no
// value, or "".
func DefaultNote(f *pflag.Flag) string { return strings.Join(f.Annotations[defaultNote], "") }

// wrap splits text into lines of at most that many columns, between words.
func wrap(text string, columns int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > columns {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
