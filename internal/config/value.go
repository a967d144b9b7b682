package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// kind describes the values of a setting.
type kind struct {
	// name is the value's name in help, unless the usage has a back-quoted one.
	name string
	// accepts describes the accepted values in the configuration file, for errors.
	accepts string
	// tags are the accepted YAML types; for a list, the types of its items.
	tags []string
	list bool
	// single: a list of one may be its item alone.
	single bool
}

const (
	tagString = "!!str"
	tagInt    = "!!int"
	tagFloat  = "!!float"
	tagBool   = "!!bool"
)

var (
	textKind     = kind{name: "text", accepts: "a string", tags: []string{tagString}}
	intKind      = kind{name: "number", accepts: "a whole number", tags: []string{tagInt}}
	fractionKind = kind{name: "number", accepts: "a number from 0 to 1", tags: []string{tagInt, tagFloat}}
	boolKind     = kind{name: "", accepts: "true or false", tags: []string{tagBool}}
	sizeKind     = kind{name: "size", accepts: "a string such as 64MiB, or a number of bytes", tags: []string{tagString, tagInt}}
	durationKind = kind{name: "duration", accepts: "a string such as 30s", tags: []string{tagString}}
	listOrKind   = kind{name: "list", accepts: "a string or a list of strings", tags: []string{tagString}, list: true, single: true}
	listKind     = kind{name: "list", accepts: "a list of strings", tags: []string{tagString}, list: true}
)

var _ pflag.Value = (*value)(nil)

// value is a setting's value as a flag.
type value struct {
	kind
	set func(text string) error
	get func() string
	// check reports what is wrong with a text that set accepts, because another one may
	// override it. nil: nothing.
	check func(text string) error
}

// Set sets the value from text.
func (v *value) Set(text string) error { return v.set(text) }

// String returns the value as text; empty where there is none.
func (v *value) String() string {
	if v.get == nil {
		return "" // pflag makes zero values
	}
	return v.get()
}

// Type returns the value's name in help.
func (v *value) Type() string { return v.name }

// flags is a set of flags that are settings.
type flags struct{ *pflag.FlagSet }

func newFlags() flags {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	set.SortFlags = false
	return flags{set}
}

// add declares a setting. Its present value is the default. The back-quoted word in usage
// is the value's name in help.
func (f flags) add(name string, v *value, usage string) *pflag.Flag {
	f.Var(v, name, usage)
	return f.Lookup(name)
}

// scalar declares a setting of one value.
func scalar[T any](f flags, p *T, to T, name string, k kind, usage string, parse func(string) (T, error)) *pflag.Flag {
	*p = to
	return f.add(name, &value{
		kind: k,
		set: func(text string) error {
			parsed, err := parse(text)
			if err == nil {
				*p = parsed
			}
			return err
		},
		get: func() string { return fmt.Sprint(*p) },
	}, usage)
}

func (f flags) text(p *string, to, name, usage string) *pflag.Flag {
	return scalar(f, p, to, name, textKind, usage, func(text string) (string, error) { return text, nil })
}

// checked declares a text. Only the value that is in effect must pass check, in
// [Config.Validate], and the one in the file.
func (f flags) checked(p *string, to, name, usage string, check func(string) error) *pflag.Flag {
	flag := f.text(p, to, name, usage)
	flag.Value.(*value).check = check
	return flag
}

func (f flags) int(p *int, to int, name, usage string) *pflag.Flag {
	return scalar(f, p, to, name, intKind, usage, func(text string) (int, error) {
		n, err := parseInt(text, strconv.IntSize)
		return int(n), err
	})
}

func (f flags) int64(p *int64, to int64, name, usage string) {
	scalar(f, p, to, name, intKind, usage, func(text string) (int64, error) { return parseInt(text, 64) })
}

func parseInt(text string, bits int) (int64, error) {
	n, err := strconv.ParseInt(text, 0, bits)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("the number is too large")
	}
	if err != nil {
		return 0, errors.New("give a whole number")
	}
	return n, nil
}

// SizeVar declares a flag for a size, like the Var functions of pflag.
func SizeVar(set *pflag.FlagSet, p *Size, name string, to Size, usage string) {
	flags{set}.size(p, to, name, usage)
}

func (f flags) size(p *Size, to Size, name, usage string) {
	scalar(f, p, to, name, sizeKind, usage, parseSize)
}

// DurationVar declares a flag for a duration, like the Var functions of pflag.
func DurationVar(set *pflag.FlagSet, p *time.Duration, name string, to time.Duration, usage string) {
	flags{set}.duration(p, to, name, usage)
}

func (f flags) duration(p *time.Duration, to time.Duration, name, usage string) *pflag.Flag {
	flag := scalar(f, p, to, name, durationKind, usage, func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, errors.New("give a duration such as 500ms, 30s or 2m")
		}
		return d, nil
	})
	if minutes, whole := strings.CutSuffix(flag.DefValue, "m0s"); whole {
		flag.DefValue = minutes + "m"
	}
	return flag
}

func (f flags) bool(p *bool, name, usage string) {
	flag := scalar(f, p, false, name, boolKind, usage, func(text string) (bool, error) {
		b, err := strconv.ParseBool(text)
		if err != nil {
			return false, errors.New("give true or false")
		}
		return b, nil
	})
	flag.NoOptDefVal = "true" // --name without a value
}

// list declares a setting of several values, by commas or by repetition.
func (f flags) list(p *[]string, name, usage string) *pflag.Flag {
	return f.add(name, &value{
		kind: listKind,
		set: func(text string) error {
			for item := range strings.SplitSeq(text, ",") {
				if item = strings.TrimSpace(item); item != "" {
					*p = append(*p, item)
				}
			}
			return nil
		},
		get: func() string { return strings.Join(*p, ",") },
	}, usage)
}

// listOr declares a setting of several values with a default, which the first value replaces.
func (f flags) listOr(p *[]string, to, name, usage string) {
	flag := f.list(p, name, usage)
	*p, flag.DefValue = []string{to}, to
	v := flag.Value.(*value)
	add, replaced := v.set, false
	v.kind, v.set = listOrKind, func(text string) error {
		if !replaced {
			*p, replaced = nil, true
		}
		return add(text)
	}
}
