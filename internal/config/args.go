package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// DoubleDashes returns args with long flags of one dash, such as -listen, as flags of
// two, which is what pflag parses. Values of flags, arguments and all after -- stay.
func DoubleDashes(flags *pflag.FlagSet, args []string) []string {
	rewritten := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(rewritten, args[i:]...)
		}
		name, _, assigned := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if len(arg) < 2 || arg[0] != '-' || len(name) < 2 {
			rewritten = append(rewritten, arg)
			continue
		}
		if arg[1] != '-' {
			arg = "-" + arg
		}
		rewritten = append(rewritten, arg)
		if f := flags.Lookup(name); f != nil && !assigned && f.NoOptDefVal == "" && i+1 < len(args) {
			i++ // the flag's value
			rewritten = append(rewritten, args[i])
		}
	}
	return rewritten
}

// FlagError returns the error of pflag's parser with what is accepted, as an [ErrUsage].
func FlagError(flags *pflag.FlagSet, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		text := fmt.Sprintf("unknown flag --%s", unknown.GetSpecifiedName())
		if near := Nearest(unknown.GetSpecifiedName(), names); near != "" {
			text += ": did you mean --" + near + "?"
		}
		return Usagef("%s", text)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return Usagef("--%s is %q: %w", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		name, _ := pflag.UnquoteUsage(missing.GetFlag())
		return Usagef("--%s needs a value (%s)", missing.GetSpecifiedName(), name)
	}
	return Usagef("%w", err)
}
