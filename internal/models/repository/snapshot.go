package repository

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// Snapshot is the state of the repository at one moment. It is immutable.
type Snapshot[S any] struct {
	// Models are sorted by name.
	Models []*Model[S]
	// Generation increases with each change.
	Generation int64
	// DefaultModel is the model of a request without a name; empty when there is none.
	DefaultModel string
	// Closed reports that the repository is closed: its models are unavailable, not unknown.
	Closed bool
}

// Snapshot returns the repository's present state.
func (r *Repository[S]) Snapshot() *Snapshot[S] { return r.snapshot.Load() }

func (s *Snapshot[S]) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.Models, name, func(m *Model[S], name string) int { return cmp.Compare(m.Name, name) })
}

// model returns the model of that name, or nil.
func (s *Snapshot[S]) model(name string) *Model[S] {
	if i, found := s.find(name); found {
		return s.Models[i]
	}
	return nil
}

// Lookup returns the model of that name, or the default model for an empty one, and its
// version of that number; for an empty one the newest that is ready, else the newest.
func (s *Snapshot[S]) Lookup(name, version string) (*Model[S], *Version[S], error) {
	if s.Closed {
		return nil, nil, fmt.Errorf("%w: the server is stopped", ErrUnavailable)
	}
	if name == "" {
		if s.DefaultModel == "" {
			return nil, nil, s.noDefault()
		}
		name = s.DefaultModel
	}
	m := s.model(name)
	if m == nil {
		return nil, nil, unknown("%q is %w; the server has %s", name, ErrNotFound, s.names())
	}
	if version != "" {
		v, err := m.lookup(version)
		return m, v, err
	}
	if v := m.Newest(); v != nil {
		return m, v, nil
	}
	if len(m.Versions) == 0 {
		return nil, nil, m.empty()
	}
	return m, m.Versions[0], nil
}

// empty returns the error of a model without versions.
func (m *Model[S]) empty() error {
	if m.Reason == "" {
		return notLoaded(m.Name)
	}
	return fmt.Errorf("%w: model %q: %s", ErrUnavailable, m.Name, m.Reason)
}

func (m *Model[S]) lookup(version string) (*Version[S], error) {
	number, ok := parseVersion(version)
	if !ok {
		// Triton's clients search for these words.
		quoted := strconv.Quote(shorten(version))
		return nil, fmt.Errorf("%w: failed to get model version from specified version string '%s': give model_version as a positive whole number without leading zeros, or leave it out", ErrName, quoted[1:len(quoted)-1])
	}
	if v := m.version(number); v != nil {
		return v, nil
	}
	if slices.Contains(m.skipped.numbers, number) {
		return nil, unknown("%q version %s is %w: %s", m.Name, version, ErrNotFound, m.skipped.reason())
	}
	if len(m.Versions) == 0 {
		return nil, m.empty()
	}
	have := make([]string, len(m.Versions))
	for i, v := range m.Versions {
		have[i] = strconv.FormatInt(v.Number, 10)
	}
	return nil, unknown("%q version %s is %w; it has %s", m.Name, version, ErrNotFound, strings.Join(have, ", "))
}

// parseVersion parses the number of a version in the form of its directory's name: no
// sign, no leading zero.
func parseVersion(text string) (int64, bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil && number > 0 && strconv.FormatInt(number, 10) == text
}

// unknown returns an error in Triton's own words, by which its clients recognize it.
func unknown(format string, args ...any) error {
	return fmt.Errorf("Request for unknown model: "+format, args...)
}

func notLoaded(name string) error {
	return unknown("%q is %w: it is not loaded; load it first", name, ErrUnavailable)
}

func (v *Version[S]) unavailable() error {
	switch {
	case v.State == Loading:
		return fmt.Errorf("%w: model %q version %d is loading; retry soon", ErrUnavailable, v.Model, v.Number)
	case v.State == Unloading:
		return fmt.Errorf("%w: model %q version %d is being unloaded", ErrUnavailable, v.Model, v.Number)
	case v.Reason == reasonUnloaded:
		return notLoaded(v.Model)
	}
	return fmt.Errorf("%w: model %q version %d could not be loaded: %s", ErrUnavailable, v.Model, v.Number, v.Reason)
}

func (s *Snapshot[S]) noDefault() error {
	if len(s.Models) == 0 {
		return fmt.Errorf("%w: the server has no models", ErrNotFound)
	}
	return fmt.Errorf("%w: model_name is empty and the server has several models without a default (%s): name one of %s or set the setting", ErrName, setting.DefaultModel, s.names())
}

// names lists the models for an error's text.
func (s *Snapshot[S]) names() string {
	const limit = 20
	names := make([]string, 0, limit+1)
	for i, m := range s.Models {
		if i == limit {
			names = append(names, fmt.Sprintf("and %d more", len(s.Models)-limit))
			break
		}
		names = append(names, strconv.Quote(m.Name))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Only returns a copy of a snapshot that has the models that keep reports, by name. Another default
// model is none.
func (s *Snapshot[S]) Only(keep func(model string) bool) *Snapshot[S] {
	only := *s
	only.Models = nil
	for _, m := range s.Models {
		if keep(m.Name) {
			only.Models = append(only.Models, m)
		}
	}
	if only.model(only.DefaultModel) == nil {
		only.DefaultModel = ""
	}
	return &only
}
