package repository

import (
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// State says whether a version can be run.
type State uint8

// A version is Loading until it is Ready or Unavailable, and Unloading from when it is
// taken out of service until its last lease is released.
const (
	Loading State = iota
	Ready
	Unavailable
	Unloading
)

// reasonUnloaded is the Reason of versions that were unloaded by request.
const reasonUnloaded = "unloaded"

// Activation is what a model's configuration says about turning its first output
// into probabilities.
type Activation uint8

const (
	// ActivationUnset leaves the decision to the problem type and the graph.
	ActivationUnset Activation = iota
	// ActivationNone says that the output stands as it is.
	ActivationNone
	// ActivationSoftmax says that the output is logits of classes of which one
	// holds.
	ActivationSoftmax
	// ActivationSigmoid says that the output is logits of classes that hold each
	// for itself.
	ActivationSigmoid
)

// Model is a model and its versions. It is immutable.
type Model struct {
	Name string
	// Versions are sorted, the newest first: those that the version policy serves,
	// and those that still do. Empty when there are none, and Reason says why, or,
	// with an empty Reason, when the model waits to be loaded by request.
	Versions []*Version
	Reason   string

	// removed says that the model's directory is gone: with its last version the
	// model is, too.
	removed bool
}

// Newest returns the newest version that is ready, or nil.
func (m *Model) Newest() *Version {
	for _, v := range m.Versions {
		if v.State == Ready {
			return v
		}
	}
	return nil
}

// version returns the version of that number, or nil.
func (m *Model) version(number int64) *Version {
	if i, found := m.find(number); found {
		return m.Versions[i]
	}
	return nil
}

// serves reports whether the version of that number serves as it was last loaded. m may
// be nil.
func (m *Model) serves(number int64) bool {
	if m == nil {
		return false
	}
	v := m.version(number)
	return v != nil && v.State == Ready && v.Reason == ""
}

func (m *Model) find(number int64) (int, bool) {
	return slices.BinarySearchFunc(m.Versions, number, func(v *Version, number int64) int { return compareNewest(v.Number, number) })
}

// put makes v the version of its number. It is for models that are not published.
func (m *Model) put(v *Version) {
	i, found := m.find(v.Number)
	if !found {
		m.Versions = slices.Insert(m.Versions, i, v)
	}
	m.Versions[i] = v
}

// same reports whether other lists the very same versions.
func (m *Model) same(other *Model) bool {
	return m.Reason == other.Reason && m.removed == other.removed && slices.Equal(m.Versions, other.Versions)
}

// compareNewest orders version numbers, the newest first.
func compareNewest(a, b int64) int { return int(min(max(b-a, -1), 1)) }

// Version is one version of a model. Its exported fields are immutable; those
// after Reason are set when it is Ready.
type Version struct {
	Model string
	// Number is the name of the version's directory.
	Number int64
	State  State
	// Reason says why the version is not ready; of a version that is, why the last
	// attempt to replace it failed. It is fit for a client: it tells no path outside
	// the model's directory.
	Reason string

	Signature *engine.Signature
	// Config is the model's configuration, completed from the model.
	Config *inference.ModelConfig
	// Statistics counts the version's requests, from when it was last loaded.
	Statistics *telemetry.Statistics
	// Labels are the names of the classes of the first output by index; nil when
	// there are none.
	Labels []string
	// OutputLabels are the labels that the configuration gives to outputs, by the
	// output's name.
	OutputLabels map[string][]string
	// Activation is what function_to_apply in config.json says.
	Activation Activation
	// ProblemType is problem_type in config.json: "single_label_classification",
	// "multi_label_classification", "regression" or empty.
	ProblemType string
	// Preprocessor is the content of preprocessor_config.json; nil when the model
	// has none.
	Preprocessor []byte
	// Compiled is what Options.Compile made of the version.
	Compiled any

	// instance is what runs the version; nil unless it is Ready.
	instance *instance
}

// Failing returns why the version is not given work at present although it is Ready:
// its last calls failed, or do not come back. It is nil where all is well.
func (v *Version) Failing() error {
	if v.instance == nil {
		return nil
	}
	return engine.Failing(v.instance.session)
}

// because returns the version as it serves on after an attempt to replace it failed.
func (v *Version) because(reason string) *Version {
	kept := *v
	kept.Reason = reason
	return &kept
}
