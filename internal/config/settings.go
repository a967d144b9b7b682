package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// EnvPrefix begins the environment variable of each setting: --cors-origin is
// TENSORWIRE_CORS_ORIGIN.
const EnvPrefix = "TENSORWIRE_"

// FileKey is the setting that names the configuration file. It is not in the file.
const FileKey setting.Key = "config"

// Settings are the settings of a server as flags, and the source of each value. It is not
// safe for concurrent use.
type Settings struct {
	config *Config
	file   string
	groups []*Group
	// sources has, for each setting that is set, its name where it is set.
	sources map[setting.Key]string
}

// Group is a group of related settings.
type Group struct {
	Title string
	Flags *pflag.FlagSet
}

// New returns the settings with their defaults.
func New() *Settings {
	s := &Settings{config: &Config{}, sources: map[setting.Key]string{}}
	c := s.config
	s.groups = []*Group{
		{"Configuration", s.fileFlags()},
		{"Listener", c.listenerFlags()},
		{"Access", c.accessFlags()},
		{"Models", c.modelFlags()},
		{"Workers", c.workerFlags()},
		{"Scheduling", c.schedulingFlags()},
		{"Limits", c.limitFlags()},
		{"Readiness and shutdown", c.lifecycleFlags()},
		{"Log", c.logFlags()},
		{"Traces", c.tracingFlags()},
	}
	return s
}

// Groups returns the settings in groups, in the order of the help.
func (s *Settings) Groups() []*Group { return s.groups }

// AddTo adds the flags of the settings to flags: all, or those of keys.
func (s *Settings) AddTo(flags *pflag.FlagSet, keys ...setting.Key) {
	s.visit(func(f *pflag.Flag) {
		if len(keys) == 0 || slices.Contains(keys, setting.Key(f.Name)) {
			flags.AddFlag(f)
		}
	})
}

// Lookup returns the flag of a setting, or nil.
func (s *Settings) Lookup(key setting.Key) *pflag.Flag {
	for _, g := range s.groups {
		if f := g.Flags.Lookup(string(key)); f != nil {
			return f
		}
	}
	return nil
}

func (s *Settings) visit(do func(*pflag.Flag)) {
	for _, g := range s.groups {
		g.Flags.VisitAll(do)
	}
}

// Resolve returns the configuration once the flags are parsed: what they do not set is
// from the environment, else from the file, else the default. The configuration is
// valid; an error is an [ErrUsage] whose tree names settings by [setting.Key].
func (s *Settings) Resolve(getenv func(string) string) (*Config, error) {
	if err := s.Read(getenv); err != nil {
		return nil, err
	}
	err := s.config.Validate()
	if s.sources[setting.MemoryBudget] != "" {
		// A budget by default is the machine's: a message that is too large for it is
		// refused when it arrives.
		err = errors.Join(err, s.config.CheckMemoryBudget())
	}
	if err != nil {
		return nil, Usagef("%w", err)
	}
	return s.config, nil
}

// Read reads the settings of keys, or all, as Resolve does. It checks each value alone.
func (s *Settings) Read(getenv func(string) string, keys ...setting.Key) error {
	file, err := s.readFile(getenv)
	if err != nil {
		return err
	}
	var errs []error
	s.visit(func(f *pflag.Flag) {
		key := setting.Key(f.Name)
		if len(keys) > 0 && !slices.Contains(keys, key) {
			return
		}
		variable := EnvName(key)
		fromEnv := getenv(variable)
		fromFile, inFile := file[key]
		switch {
		case f.Changed:
			s.sources[key] = setting.Flag(key)
		case fromEnv != "":
			s.sources[key] = variable
			if err := f.Value.Set(fromEnv); err != nil {
				errs = append(errs, Usagef("%s is %q: %w", variable, fromEnv, err))
			}
		case inFile:
			s.sources[key] = fmt.Sprintf("%s (%s)", key, fromFile.position())
			errs = append(errs, fromFile.apply(f))
		}
	})
	return errors.Join(errs...)
}

// readFile returns the values in the file that --config or its variable names.
func (s *Settings) readFile(getenv func(string) string) (map[setting.Key]entry, error) {
	name := s.file
	if !s.Lookup(FileKey).Changed {
		name = getenv(EnvName(FileKey))
		s.sources[FileKey] = EnvName(FileKey)
	}
	if name == "" {
		return nil, nil
	}
	return readFile(name)
}

// Config returns the configuration as far as Read has read it.
func (s *Settings) Config() *Config { return s.config }

// Name returns the name of a setting in the source of its value: the flag, the
// environment variable, or the key with its position in the file. It renders keys for
// [setting.Text].
func (s *Settings) Name(key setting.Key) string {
	if name := s.sources[key]; name != "" {
		return name
	}
	return setting.Flag(key)
}

// EnvName returns the environment variable of a setting.
func EnvName(key setting.Key) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(string(key), "-", "_"))
}
